#!/usr/bin/env bash
# Runs every libFuzzer target of a build folder for a while, starting from its seeds.
# tests/fuzz_live.sh BUILD_FOLDER SECONDS
# Prints `pass` or `FAIL` for each; a finding is kept beside the target.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
folder=$1 seconds=$2

fuzz() {
  local target=$1 name corpus log inputs
  name=$(basename "$target" _fuzz)
  corpus=$(mktemp -d)
  log=$target.log
  if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$target-" "$corpus" "tests/fuzz/seeds/$name" >"$log" 2>&1; then
    inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "pass fuzz $name: $inputs inputs in $seconds s"
  else
    echo "FAIL fuzz $name: see $log"
    grep -A25 'ERROR:\|SUMMARY:\|runtime error\|Assertion' "$log" | head -n 60 | sed 's/^/     /'
  fi
  rm -rf "$corpus"
}

mapfile -t targets < <(find "$folder" -name '*_fuzz' -type f -perm -u+x | sort)
for target in "${targets[@]}"; do
  while (($(jobs -pr | wc -l) >= $(nproc))); do wait -n; done
  fuzz "$target" &
done
wait
((${#targets[@]} > 0)) || echo "FAIL fuzz: no target in $folder"

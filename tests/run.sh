#!/usr/bin/env bash
# Every check of the project, from a bare Debian 12. The last line is `N passed, N failed`.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
source deploy/packages.sh
source deploy/build.sh

usage() {
  cat <<'USAGE'
tests/run.sh [--quick] [--fuzz SECONDS] [--tidy] [FILTER]

  (nothing)       everything: lint, unit and integration tests under ASan+UBSan and TSan, fuzz
                  seeds and a live fuzz run, real clients against the release binary, a release
                  binary that is killed again and again (more: tests/crash.sh), the deployment
                  files
  --quick         lint and the tests under ASan+UBSan only
  --fuzz SECONDS  length of each live fuzz run (default 30; 0 leaves it out)
  --tidy          also clang-tidy over all sources (slow)
  FILTER          only the tests under ASan+UBSan whose names match this regular expression
USAGE
}

quick=no tidy=no fuzz_seconds=30 filter=
while (($#)); do
  case $1 in
    --quick) quick=yes ;;
    --tidy) tidy=yes ;;
    --fuzz)
      fuzz_seconds=${2-}
      [[ $fuzz_seconds =~ ^[0-9]+$ ]] || { usage >&2; exit 2; }
      shift
      ;;
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) filter=$1 ;;
  esac
  shift
done

python=/usr/bin/python3  # Debian's, because it finds Debian's python3-yaml
not_built='_NOT_BUILT$'  # what ctest lists for an executable that is not part of this build
passed=0 failed=0
SECONDS=0

export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=second_deadlock_stack=1
export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-19
export TSAN_SYMBOLIZER_PATH=$ASAN_SYMBOLIZER_PATH

part() { printf '\n== %s  (%d:%02d)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }
pass() { echo "pass $*"; passed=$((passed + 1)); }
flunk() { echo "FAIL $*"; failed=$((failed + 1)); }

finish() {
  part "end"
  echo "$passed passed, $failed failed"
  exit $((failed > 0))
}
trap 'echo "interrupted" >&2; kill 0; exit 130' INT TERM

# Runs a script that prints `pass ...`, `FAIL ...` and `skip ...` lines (or TAP's `ok`, `not ok`), and
# counts them. A script that fails without such a line, or checks nothing, is one failure.
counted() {
  local log status good bad
  log=$(mktemp)
  timeout 1200 "$@" 2>&1 </dev/null | tee "$log"
  status=${PIPESTATUS[0]}
  good=$(grep -cE '^(pass|ok) ' "$log")
  bad=$(grep -cE '^(FAIL|not ok) ' "$log")
  if ((bad == 0)) && { ((status != 0)) || ! grep -qE '^(pass|ok|skip) ' "$log"; }; then
    echo "FAIL $* ended with code $status after $good checks"
    bad=1
  fi
  passed=$((passed + good)) failed=$((failed + bad))
  rm -f "$log"
}

# build NAME PRESET FOLDER ARGUMENTS...: false, and counted, when it does not compile.
build() {
  local name=$1
  shift
  part "build $name"
  build_preset "$@" && return
  flunk "build $name"
  return 1
}

# tests FOLDER EXCLUDED ARGUMENTS...: ctest, counted by its report; failed tests are shown in full.
tests() {
  local folder=$1 excluded=$2 report=$1/report.xml log=$1/ctest.log all bad skipped
  shift 2
  rm -f "$report"
  ctest --test-dir "$folder" -j "$(nproc)" --timeout 300 --no-tests=error --output-on-failure \
    --output-junit "$PWD/$report" -E "$excluded" "$@" >"$log" 2>&1
  if ! read -r all bad skipped < <(counts "$report"); then
    tail -n 20 "$log"
    flunk "no test ran in $folder"
    return
  fi
  passed=$((passed + all - bad - skipped)) failed=$((failed + bad))
  if ((bad > 0)); then
    awk '/^ *[0-9]+\/[0-9]+ Test +#/ {show = /\*\*\*/ && !/Skipped/}
         /^ *Start +[0-9]+:/ {next}
         show' "$log" | head -n 400
    sed -n '/^The following tests FAILED/,$p' "$log"
  fi
  echo "$folder: $all tests, $bad failed, $skipped skipped"
}

# The numbers of tests, of failures and of skipped ones in a JUnit report.
counts() {
  [[ -s $1 ]] && "$python" - "$1" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree
suite = tree.parse(sys.argv[1]).getroot().attrib
print(suite["tests"], suite["failures"], int(suite["skipped"]) + int(suite["disabled"]))
PYTHON
}

unit_targets() {
  local folder
  for folder in "$@"; do
    compgen -G "tests/unit/$folder/*.cc" >/dev/null && echo "unit_$folder"
  done
  compgen -G 'tests/integration/*.cc' >/dev/null && echo integration
}

lint() {
  part "lint"
  counted "$python" tests/lint/checks.py
}

under_asan() {
  build "asan" asan build-asan -- all headers && part "unit and integration tests, ASan+UBSan" &&
    tests build-asan "$not_built" "$@"
}

under_tsan() {
  local targets
  mapfile -t targets < <(unit_targets base runtime net store filters proxy)
  build "tsan" tsan build-tsan -- "${targets[@]}" && part "threads and integration, TSan" &&
    tests build-tsan "$not_built|fuzz"
}

under_fuzz() {
  build "fuzz" fuzz build-fuzz -- all || return
  part "fuzz, $fuzz_seconds s each"
  counted tests/fuzz_live.sh build-fuzz "$fuzz_seconds"
}

with_release() {
  build "release" release build -DOUTRIGGER_TESTS=OFF -- outrigger || return
  part "real clients"
  counted tests/clients/run.sh build/outrigger
  part "the heap of a running stream"
  if OUTRIGGER_BINARY=$PWD/build/outrigger ctest --test-dir build-asan -R '^Allocations' \
    --no-tests=error --output-on-failure; then
    pass "a running stream takes nothing from the heap"
  else
    flunk "a running stream takes nothing from the heap"
  fi
  part "crashes"
  counted tests/crash.sh --slice build/outrigger
  part "deployment files"
  counted "$python" tests/deploy/kubernetes.py
  counted "$python" tests/deploy/configurations.py build/outrigger
  counted "$python" tests/deploy/observability.py build/outrigger
  counted tests/deploy/systemd.sh build/outrigger
  counted tests/deploy/image.sh build/outrigger
  counted tests/deploy/start.sh
}

with_tidy() {
  part "clang-tidy"
  ensure_packages clang-tidy-19 clang-tools-19
  if run-clang-tidy-19 -quiet -p build-asan -j "$(nproc)" "$PWD/(proxy|filters|config)/.*" \
    >build-asan/tidy.log 2>&1; then
    pass "clang-tidy"
  else
    grep -E 'warning:|error:' build-asan/tidy.log | sort -u | head -n 60
    flunk "clang-tidy"
  fi
}

part "packages"
(ensure_packages "${packages_run[@]}" "${packages_test[@]}") || { flunk "packages"; finish; }
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  (ensure_packages nodejs npm) || { flunk "packages"; finish; }
fi

if [[ -n $filter ]]; then
  under_asan -R "$filter"
  finish
fi
lint
under_asan
[[ $tidy == yes ]] && with_tidy
if [[ $quick == no ]]; then
  under_tsan
  with_release
  ((fuzz_seconds > 0)) && under_fuzz
fi
finish

#!/usr/bin/env bash
# Builds Outrigger and measures it beside nginx, HAProxy, nghttpx and, where they are found, Envoy and Varnish:
# bench/run.sh [--quick] [--only A,B] [--sections h1,h2,tls,refused,latency,keyed,cache,streams,start] [--duration S]
# bench/run.sh --micro runs the micro benchmarks instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source deploy/packages.sh
source deploy/build.sh

micro=no arguments=()
for argument in "$@"; do
  if [[ $argument == --micro ]]; then micro=yes; else arguments+=("$argument"); fi
done

ensure_packages "${packages_run[@]}" "${packages_bench[@]}"
if [[ $micro == yes ]]; then
  build_preset release build-bench -DOUTRIGGER_TESTS=OFF -DOUTRIGGER_BENCH=ON -- micro
  for program in build-bench/micro_*; do
    [[ ! -x $program ]] || "$program"
  done
  exit
fi
build_preset release build -DOUTRIGGER_TESTS=OFF -- outrigger || fail "the build failed"

mkdir -p build/bench
for source in bench/tools/*.c; do
  tool=build/bench/$(basename "$source" .c)
  [[ $tool -nt $source && $tool -nt bench/tools/net.h ]] ||
    clang-19 -std=gnu11 -O2 -Wall -Wextra -Werror -o "$tool" "$source"
done
exec /usr/bin/python3 bench/compare.py --tools build/bench "${arguments[@]}"

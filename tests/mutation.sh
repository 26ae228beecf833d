#!/usr/bin/env bash
# Do the unit tests notice when a policy decides otherwise? Flips conditions, constants, verdicts and
# statements of the pure cores (filters/retry, circuit_breaker, classify, deadline), one at a time, and runs
# the tests of that core. By hand, because it takes a while: not a part of tests/run.sh.
#
# tests/mutation.sh [--seconds N] [--jobs N] [--seed N] [FILE...]
#   FILE         cores to mutate, such as filters/retry/decision.cc; default: all
#   --seconds N  begin no mutant after N seconds (600); those left are counted as not tried
#   --seed N     of the order, which is random so that a short run is a fair sample
# BUILD_FOLDER=build-mutation says where the tests are built, without sanitizers, unless it is there.
#
# Prints the mutants that survived, with their places. Each wants a test for the promise that it broke, or,
# when it changes nothing that anybody sees, a line with the reason in tests/mutation/equivalent.txt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${BUILD_FOLDER:-build-mutation}

[[ -f $folder/build.ninja ]] ||
  cmake -S . -B "$folder" -G Ninja -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0
cmake --build "$folder" --target unit_filters unit_classify
exec /usr/bin/python3 tests/mutation/mutate.py "$folder" "$@"

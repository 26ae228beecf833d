#!/usr/bin/env bash
# Installs what is missing, builds build/outrigger and runs it:
# deploy/run.sh [arguments of outrigger run]
# Safe to repeat: the second start installs nothing and compiles nothing.
set -euo pipefail
started_in=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source deploy/packages.sh
source deploy/build.sh

ensure_packages "${packages_run[@]}"
[[ -x build/outrigger ]] || echo "Building build/outrigger; the first time takes some minutes." >&2
build_preset release build -DOUTRIGGER_TESTS=OFF -- outrigger ||
  fail "the build failed; the whole log is in build/build.log"

# File names among the arguments are meant from where the caller stands.
binary=$PWD/build/outrigger
cd "$started_in"
exec "$binary" run "$@"

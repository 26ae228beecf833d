#!/usr/bin/env bash
# Real clients against a binary: run.sh BINARY. One line a check ("ok ...", "not ok ..."); the exit code is
# not 0 when one failed. Installs the client libraries that package-lock.json names, which needs the npm
# registry the first time.
set -u

binary=$(realpath -e "${1:?usage: run.sh BINARY}") || exit 2
cd "$(dirname "$(realpath "$0")")" || exit 2

for tool in node npm curl nghttp h2load; do
  command -v "$tool" >/dev/null && continue
  echo "FAIL $tool is missing: install it (Debian: nodejs npm curl nghttp2-client)"
  exit 1
done

if ! log=$(npm ci --no-audit --no-fund --loglevel=error 2>&1); then
  echo "$log"
  echo "FAIL npm could not install the client libraries; without them nothing was checked"
  exit 1
fi

export OUTRIGGER_BINARY=$binary
status=0
for suite in sdk resilience keys validate tools idempotency cache cache_control; do
  echo "# $suite"
  timeout 300 node --test-reporter=tap "$suite.test.mjs" || status=1
done
exit "$status"

#!/usr/bin/env bash
# The systemd unit is valid, and stays closed: tests/deploy/systemd.sh BINARY
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
if ! command -v systemd-analyze >/dev/null; then
  echo "skip systemd unit: no systemd-analyze here"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
binary=$(realpath "$1")
unit=$folder/outrigger.service
failed=0

# verify looks for the program, which is installed nowhere here.
sed "s|/usr/bin/outrigger|$binary|" deploy/systemd/outrigger.service >"$unit"
if SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$unit" >"$folder/verify" 2>&1 &&
  [[ ! -s $folder/verify ]]; then
  echo "pass systemd unit is valid"
else
  echo "FAIL systemd unit is valid"
  failed=1
  sed 's/^/     /' "$folder/verify"
fi

# 1.5 of 10; what is left is the network, which a proxy needs.
if systemd-analyze security --offline=true --threshold=15 "$unit" >"$folder/security" 2>&1; then
  level=$(sed -n 's/.*: \([0-9.]* [A-Z]*\).*/\1/p' "$folder/security" | tail -n 1)
  echo "pass systemd unit is closed: $level"
else
  echo "FAIL systemd unit is closed"
  failed=1
  grep -E '✗|Overall' "$folder/security" | sed 's/^/     /'
fi
exit $failed

#!/usr/bin/env bash
# deploy/run.sh, the newcomer's command, twice: it starts, answers on its ports, ends on SIGTERM.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
folder=$(mktemp -d)
process=
trap '[[ -z $process ]] || kill -KILL "$process" 2>/dev/null; rm -rf "$folder"' EXIT

free_port() {
  python3 -c 'import socket
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    print(probe.getsockname()[1])'
}

fail() {
  echo "FAIL deploy/run.sh $1"
  sed 's/^/     /' "$folder/output" | tail -n 20
  exit 1
}

start_and_stop() {
  local port health admin tries=600 status
  port=$(free_port) health=$(free_port) admin=$(free_port)
  (cd "$folder" && exec "$OLDPWD/deploy/run.sh" --listen "127.0.0.1:$port" \
    --health "127.0.0.1:$health" --admin "127.0.0.1:$admin") >"$folder/output" 2>&1 </dev/null &
  process=$!
  until curl -fsS -o /dev/null "http://127.0.0.1:$health/readyz" 2>/dev/null; do
    kill -0 "$process" 2>/dev/null || fail "ended before it was ready"
    ((tries-- > 0)) || fail "was not ready in time"
    sleep 0.1
  done
  curl -fsS "http://127.0.0.1:$port/" | grep /openai >/dev/null ||
    fail "shows no page that names the base URLs"
  curl -fsS "http://127.0.0.1:$health/metrics" | grep '^outrigger_build_info' >/dev/null ||
    fail "has no metrics"
  kill -TERM "$process"
  wait "$process"
  status=$?
  process=
  ((status == 0)) || fail "ended with code $status on SIGTERM"
}

start_and_stop
echo "pass deploy/run.sh starts, answers and stops"
start_and_stop
grep -qi 'installing\|building' "$folder/output" && fail "installs or builds again"
echo "pass deploy/run.sh starts again without installing or building"

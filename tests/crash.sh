#!/usr/bin/env bash
# Kills a proxy under load again and again, and holds what its clients were told against what its
# upstreams did and what its store has (durability 5.1, layer L3). See --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec python3 -B tests/crash/main.py "$@"

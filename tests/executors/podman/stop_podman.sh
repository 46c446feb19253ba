#!/usr/bin/env bash
# Ends the service that start_podman.sh has started:   tests/executors/podman/stop_podman.sh [FOLDER]
set -euo pipefail
folder=${1:-/var/tmp/forget-me-not-podman}
if [ -s "$folder/podman.pid" ]; then
    kill "$(cat "$folder/podman.pid")" 2>/dev/null || true
fi

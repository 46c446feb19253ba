#!/usr/bin/env bash
# Ends what compose_up.sh has started:   tests/serve/compose_down.sh [FOLDER] [all]
#
# Volumes and images stay, and compose_up.sh goes on with them; `all` removes FOLDER with them.
set -euo pipefail
folder=${1:-/var/tmp/forget-me-not-serve}
export PATH=$folder/bin:$folder/venv/bin:$PATH
if [ -s "$folder/bridge" ]; then
    bridge=$(cat "$folder/bridge")
    iptables -D FORWARD -i "$bridge" -o "$bridge" -j ACCEPT 2>/dev/null || true
    rm "$folder/bridge"
fi
cd "$folder/checkout"
POSTGRES_PASSWORD=unused podman-compose down >"$folder/log" 2>&1 || { tail -n 20 "$folder/log" >&2; exit 1; }
if [ "${2:-}" = all ]; then
    podman rm --all --force >/dev/null
    ! mountpoint --quiet "$folder/storage/overlay" || umount "$folder/storage/overlay"
    cd /
    rm -rf "$folder"
fi

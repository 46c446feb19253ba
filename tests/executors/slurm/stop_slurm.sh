#!/usr/bin/env bash
# Ends the daemons that start_slurm.sh has started:   tests/executors/slurm/stop_slurm.sh [FOLDER]
set -euo pipefail
folder=${1:-/var/tmp/forget-me-not-slurm}
for name in whole fragile tight slurmctld munge; do
    if [ -s "$folder/$name.pid" ]; then
        kill "$(cat "$folder/$name.pid")" 2>/dev/null || true
    fi
done

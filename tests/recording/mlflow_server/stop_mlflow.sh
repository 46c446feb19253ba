#!/usr/bin/env bash
# Ends the servers that start_mlflow.sh has started:   tests/recording/mlflow_server/stop_mlflow.sh [FOLDER]
set -euo pipefail
folder=${1:-/var/tmp/forget-me-not-mlflow}
if [ -s "$folder/mlflow.pid" ]; then
    kill -KILL -- "-$(cat "$folder/mlflow.pid")" 2>/dev/null || true # it leads a group, and has nothing to save
fi
if [ -s "$folder/postgres.pid" ]; then
    kill -INT "$(cat "$folder/postgres.pid")" 2>/dev/null || true
fi

#!/usr/bin/env bash
# MLflow's server on PostgreSQL, as a site has it, for tests:   sudo tests/recording/mlflow_server/start_mlflow.sh [FOLDER]
#
#   export FMN_MLFLOW_SERVER=FOLDER
#
# Debian only, as root. It installs postgresql if it is missing, makes a database of its own that is reached through a
# socket alone, and starts MLflow from the virtual environment of the checkout (or from PYTHON) on a free port of
# localhost. Everything is in FOLDER (default /var/tmp/forget-me-not-mlflow): the address in `address`, ids of processes
# in *.pid. Called again, it starts what has ended. `stop_mlflow.sh` beside it ends both.
set -euo pipefail
cd "$(dirname "$0")/../../.."
folder=${1:-/var/tmp/forget-me-not-mlflow}
python=${PYTHON:-$PWD/.venv/bin/python}

if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
    apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
fi
programs=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1)
mkdir -p "$folder/artifacts"

as_postgres() {
    runuser -u postgres -- "$@"
}

if [ ! -d "$folder/database" ]; then
    mkdir "$folder/database" "$folder/socket"
    chown postgres "$folder/database" "$folder/socket"
    as_postgres "$programs/initdb" --pgdata="$folder/database" --auth=trust --encoding=UTF8 --username=postgres >/dev/null
fi
if ! "$programs/pg_isready" --quiet --host="$folder/socket"; then
    # What it commits need not outlive the machine, only the server that is killed.
    as_postgres "$programs/pg_ctl" start --wait --silent --pgdata="$folder/database" --log="$folder/database/log" \
        --options="-c listen_addresses='' -c unix_socket_directories='$folder/socket' -c fsync=off"
    head -n 1 "$folder/database/postmaster.pid" >"$folder/postgres.pid"
fi
if ! psql --host="$folder/socket" --username=postgres --list --quiet --tuples-only | grep -q ' mlflow '; then
    psql --host="$folder/socket" --username=postgres --quiet --command='CREATE DATABASE mlflow'
fi

if [ ! -s "$folder/address" ]; then
    port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    echo "http://127.0.0.1:$port" >"$folder/address"
fi
address=$(cat "$folder/address")

answers() { # whether the server answers within so many seconds
    "$python" -I -S - "$address" "$1" <<'PYTHON'
import sys, time, urllib.request
deadline = time.monotonic() + float(sys.argv[2])
while True:
    try:
        urllib.request.urlopen(f"{sys.argv[1]}/health", timeout=10)
        sys.exit(0)
    except OSError:
        if time.monotonic() > deadline:
            sys.exit(1)
        time.sleep(0.5)
PYTHON
}

if answers 0; then
    exit 0
fi
(
    cd "$folder"
    # Without jobs of its own: they are five further processes, which outlive a server that is killed.
    export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
    export MLFLOW_BACKEND_STORE_URI="postgresql+psycopg2://postgres@/mlflow?host=$folder/socket"
    setsid nohup "$python" -m mlflow server --host=127.0.0.1 --port="${address##*:}" --workers=1 --serve-artifacts \
        --artifacts-destination="$folder/artifacts" >>"$folder/mlflow.log" 2>&1 &
    echo $! >"$folder/mlflow.pid"
)
if answers 300; then
    exit 0
fi
echo "no MLflow server has come up; what it said:" >&2
tail -n 20 "$folder/mlflow.log" >&2
exit 1

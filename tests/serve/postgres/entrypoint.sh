#!/usr/bin/env bash
# What the official image does with POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD and PGDATA, and nothing else of it.
set -euo pipefail

if [ "$(id --user)" = 0 ]; then
    install --directory --owner=postgres --group=postgres --mode=0700 "$PGDATA"
    install --directory --owner=postgres --group=postgres --mode=2775 /var/run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    : "${POSTGRES_PASSWORD:?POSTGRES_PASSWORD is empty: the password of the first user}"
    user=${POSTGRES_USER:-postgres} database=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
    initdb --pgdata="$PGDATA" --username="$user" --pwfile=<(echo "$POSTGRES_PASSWORD") --encoding=UTF8 \
        --auth-local=trust --auth-host=scram-sha-256
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    # A temporary server that listens on its socket alone, as the official image starts one.
    pg_ctl start --wait --pgdata="$PGDATA" --options="-c listen_addresses=''"
    [ "$database" = postgres ] || createdb --username="$user" --maintenance-db=postgres "$database"
    pg_ctl stop --wait --pgdata="$PGDATA" --mode=fast
fi
exec postgres -D "$PGDATA" -c 'listen_addresses=*' "$@"

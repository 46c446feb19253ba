#!/usr/bin/env bash
# What `make serve` starts, started by podman-compose, for tests:   sudo tests/serve/compose_up.sh [FOLDER]
#
#   FMN_SERVED=1 FMN_SERVED_FOLDER=FOLDER .venv/bin/pytest tests/serve
#
# Debian only, as root; no registry of images is needed. It installs podman and its networks if they are missing, and
# podman-compose into FOLDER (default /var/tmp/forget-me-not-serve), where everything else is as well: images,
# containers, volumes, a home with two shipped records, and a copy of what the site's image is built from, with wheels.
# FMN_BASE_IMAGE (default forget-me-not/base:local, from tests/hostile/make_base_image.sh) is copied from the Docker
# engine; PostgreSQL's image is made from it and Debian's packages. The ports 5000 and 8501 of localhost must be free.
# Called again, it starts what has ended. `compose_down.sh` beside it ends everything; the data stay.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-/var/tmp/forget-me-not-serve}
python=${PYTHON:-python3}
base=${FMN_BASE_IMAGE:-forget-me-not/base:local}
checkout=$folder/checkout

make_podman() { # a `podman` with storage of its own
    local needed=(podman runc catatonit netavark aardvark-dns iptables) processes
    if ! dpkg --status "${needed[@]}" >/dev/null 2>&1; then
        apt-get update -qq >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${needed[@]}" >/dev/null
    fi
    mkdir -p "$folder/bin"
    # Podman lowers its own limit of processes to the number of process ids, and cannot grant more than it has.
    processes=$(ulimit -H -u)
    read -r most_ids </proc/sys/kernel/pid_max
    [ "$processes" != unlimited ] && [ "$processes" -lt "$most_ids" ] || processes=$most_ids
    cat >"$folder/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=$(ulimit -H -n):$(ulimit -H -n)", "nproc=$processes:$processes"]
[network]
# Containers find one another by name with this one only.
network_backend = "netavark"
network_config_dir = "$folder/networks"
[engine]
# Debian's crun refuses machines with both versions of cgroups.
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
    cat >"$folder/bin/podman" <<PODMAN
#!/usr/bin/env bash
export CONTAINERS_CONF='$folder/containers.conf'
exec /usr/bin/podman --root '$folder/storage' --runroot '$folder/run' "\$@"
PODMAN
    chmod +x "$folder/bin/podman"
    [ -x "$folder/venv/bin/podman-compose" ] || {
        "$python" -m venv "$folder/venv"
        "$folder/venv/bin/pip" install --quiet --disable-pip-version-check podman-compose==1.6.0
    }
}

copy_checkout() { # with wheels/, from which the image is built; in the real checkout `make image` would take them
    mkdir -p "$checkout"
    rm -rf "$checkout"/{benchmark,leaderboard,results}
    cp -a Dockerfile compose.yaml constraints.txt .dockerignore .streamlit benchmark leaderboard results "$checkout"
    compgen -G "$checkout/wheels/mlflow-*.whl" >/dev/null && return
    local packages
    packages=$(sed -n '/AS site-libraries/,/pip uninstall/p' Dockerfile | tr -d '\\\n')
    packages=${packages#*install --quiet }
    # shellcheck disable=SC2086
    "$python" -m pip download --quiet --disable-pip-version-check --only-binary :all: --dest "$checkout/wheels" \
        --constraint constraints.txt ${packages%%&*}
}

make_database_image() {
    local context=$folder/postgres
    podman image exists "$POSTGRES_IMAGE" && return
    rm -rf "$context"
    mkdir -p "$context/packages/partial"
    cp tests/serve/postgres/* "$context"
    podman run --rm --network none "$base" cat /var/lib/dpkg/status >"$context/status"
    # Everything that the base image lacks for PostgreSQL, since nothing can be fetched during a build.
    apt-get update -qq >/dev/null
    apt-get -qq -o Dir::State::status="$context/status" -o Dir::Cache::archives="$context/packages" \
        -o APT::Sandbox::User=root --no-install-recommends --download-only --yes install postgresql >/dev/null
    podman build --quiet --network none --build-arg "BASE_IMAGE=$base" --tag "$POSTGRES_IMAGE" "$context" >/dev/null
}

make_home() { # a home with two shipped records
    local records=$FMN_HOME/records/digits-1.0
    mkdir -p "$records"
    cp results/digits-1.0/supervised-* results/digits-1.0/random_init-* "$records"
    [ -s "$folder/password" ] || (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$folder/password")
}

open_network() { # where Docker has closed the firewall for what it does not know, its engine being there as well
    local bridge rule
    bridge=$(podman network inspect forget-me-not_inside --format '{{.NetworkInterface}}')
    echo "$bridge" >"$folder/bridge"
    rule=(FORWARD -i "$bridge" -o "$bridge" -j ACCEPT)
    iptables -C "${rule[@]}" 2>/dev/null || iptables -I "${rule[@]}"
}

start() { # one service, until it is healthy: Podman before 4.6 cannot wait, and looks by itself under systemd only
    podman start "forget-me-not_$1_1" >/dev/null 2>>"$folder/log"
    for _ in $(seq 100); do
        ! podman healthcheck run "forget-me-not_$1_1" >/dev/null 2>&1 || return 0
        sleep 3
    done
    echo "$1 has not become healthy; what it said:" >&2
    podman logs --tail 20 "forget-me-not_$1_1" >&2
    return 1
}

make_podman
export PATH=$folder/bin:$folder/venv/bin:$PATH
export FMN_BASE_IMAGE=$base POSTGRES_IMAGE=forget-me-not/postgres:local FMN_HOME=$folder/home
podman image exists "$base" || docker save "$base" | podman load --quiet >/dev/null
copy_checkout
make_database_image
make_home
POSTGRES_PASSWORD=$(cat "$folder/password")
export POSTGRES_PASSWORD
cd "$checkout"
# By itself podman-compose builds the image of two services twice, at the same time.
podman-compose build mlflow >"$folder/build.log" 2>&1 || { tail -n 20 "$folder/build.log" >&2; exit 1; }
podman-compose up --detach --no-start >"$folder/log" 2>&1 || { tail -n 20 "$folder/log" >&2; exit 1; }
open_network
for service in database mlflow leaderboard; do start "$service"; done

#!/usr/bin/env bash
# Podman's service, which answers as Docker's engine does, for tests:   sudo tests/executors/podman/start_podman.sh [FOLDER]
#
#   export DOCKER_HOST=unix://FOLDER/podman.sock
#
# Debian only, as root. It installs podman, runc and catatonit (the first process of containers) if they are missing, starts
# the service with its images and containers in FOLDER (default /var/tmp/forget-me-not-podman), and copies the images of
# the benchmark there from the Docker engine that answers now, if one does. `stop_podman.sh` beside it ends the service.
set -euo pipefail
folder=${1:-/var/tmp/forget-me-not-podman}

if ! command -v podman >/dev/null || ! command -v runc >/dev/null || ! command -v catatonit >/dev/null; then
    apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends podman runc catatonit >/dev/null
fi
mkdir -p "$folder"
most=$(ulimit -H -n)
processes=$(ulimit -H -u)
[ "$processes" != unlimited ] || processes=-1
cat >"$folder/containers.conf" <<CONF
[containers]
# Podman's own defaults are above what this machine may grant.
default_ulimits = ["nofile=$most:$most", "nproc=$processes:$processes"]
[engine]
# Debian's crun refuses machines with both versions of cgroups.
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
export CONTAINERS_CONF=$folder/containers.conf
podman() {
    command podman --root "$folder/storage" --runroot "$folder/run" "$@"
}
if ! curl --silent --fail --unix-socket "$folder/podman.sock" http://d/_ping >/dev/null 2>&1; then
    rm -f "$folder/podman.sock"
    nohup "$(type -P podman)" --root "$folder/storage" --runroot "$folder/run" system service --time=0 \
        "unix://$folder/podman.sock" >"$folder/podman.log" 2>&1 &
    echo $! >"$folder/podman.pid"
    for _ in $(seq 60); do [ -S "$folder/podman.sock" ] && break; sleep 0.5; done
    [ -S "$folder/podman.sock" ] || { echo "no Podman has come up:" >&2; tail -n 20 "$folder/podman.log" >&2; exit 1; }
fi
for image in forget-me-not/trainer:latest forget-me-not/scorer:latest; do
    if docker image inspect "$image" >/dev/null 2>&1; then
        docker save "$image" | podman load --quiet >/dev/null
    fi
done

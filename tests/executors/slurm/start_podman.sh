#!/usr/bin/env bash
# Podman on the nodes of the test cluster, which are this machine:   sudo tests/executors/slurm/start_podman.sh [FOLDER]
#
#   export CONTAINERS_CONF=FOLDER/containers.conf CONTAINERS_STORAGE_CONF=FOLDER/storage.conf
#
# Debian only, as root. It installs podman and crun if they are missing, keeps images and containers in FOLDER (default
# /var/tmp/forget-me-not-nodes), and copies the trainer's image there from the Docker engine. Nothing of it is a daemon.
set -euo pipefail
folder=${1:-/var/tmp/forget-me-not-nodes}
image=forget-me-not/trainer:latest

if ! command -v podman >/dev/null || ! command -v crun >/dev/null; then
    apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends podman crun >/dev/null
fi
mkdir -p "$folder"
cat >"$folder/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$folder/storage"
runroot = "$folder/run"
CONF
cat >"$folder/containers.conf" <<CONF
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[engine.runtimes]
crun = ["$folder/crun"]
CONF
# crun refuses machines with both versions of control groups, also where it makes none: it is shown one of them.
cat >"$folder/crun" <<'CRUN'
#!/bin/sh
[ -d /sys/fs/cgroup/unified ] || exec /usr/bin/crun "$@"
exec unshare --mount sh -c 'umount /sys/fs/cgroup/unified; exec /usr/bin/crun "$@"' crun "$@"
CRUN
chmod 755 "$folder/crun"
export CONTAINERS_CONF=$folder/containers.conf CONTAINERS_STORAGE_CONF=$folder/storage.conf
if docker image inspect "$image" >/dev/null 2>&1; then
    wanted=$(docker image inspect "$image" --format '{{.Id}}')
    if [ "$(podman image inspect "$image" --format '{{.Id}}' 2>/dev/null)" != "${wanted#sha256:}" ]; then
        docker save "$image" | podman load --quiet >/dev/null
    fi
fi

#!/usr/bin/env bash
# What the suite needs where no registry can be reached (CI): an engine, a base image, and wheels to build from.
#
#   sudo tests/hostile/make_base_image.sh [TAG] [WHEELS_DIR]
#
# Debian only. It starts `dockerd` if none answers, makes TAG (default forget-me-not/base:local) from Debian's own packages
# unless it is there already, and downloads the wheels of both images into WHEELS_DIR (default wheels/) through pip's own
# settings. It fails, and does not skip, when any of this cannot be done. Afterwards:
#
#   FMN_BASE_IMAGE=TAG FMN_WHEELS=WHEELS_DIR make image
set -euo pipefail
tag=${1:-forget-me-not/base:local}
root=$(cd "$(dirname "$0")/../.." && pwd)
wheels=${2:-$root/wheels}
python=${PYTHON:-python3}

# Debian's python3 must be the minor version that the wheels are for.
suite=bookworm
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ "$version" = 3.11 ] || { echo "Debian $suite has Python 3.11, this is $version: call with PYTHON=python3.11" >&2; exit 1; }

if ! command -v docker >/dev/null || ! command -v debootstrap >/dev/null; then
    apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq docker.io debootstrap >/dev/null
fi

if ! docker info >/dev/null 2>&1; then
    # A killed engine leaves files with process ids. If other processes have these ids by now, dockerd does not start.
    pgrep -x dockerd >/dev/null || rm -f /var/run/docker.pid /var/run/docker/containerd/containerd.pid
    # Networking is not needed by any container of ours; without these two dockerd also starts where iptables may not.
    nohup dockerd --iptables=false --bridge=none >/tmp/dockerd.log 2>&1 &
    for _ in $(seq 60); do docker info >/dev/null 2>&1 && break; sleep 1; done
    docker info >/dev/null 2>&1 || { echo "dockerd did not come up:" >&2; tail -20 /tmp/dockerd.log >&2; exit 1; }
fi

if ! docker image inspect "$tag" >/dev/null 2>&1; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates "$suite" "$folder/root" \
        >"$folder/log" 2>&1 || { tail -20 "$folder/log" >&2; exit 1; }
    rm -rf "$folder"/root/var/cache/apt/* "$folder"/root/var/lib/apt/lists/*
    tar -C "$folder/root" -c . | docker import - "$tag" >/dev/null
fi

"$python" -m pip download --quiet --disable-pip-version-check --only-binary :all: --dest "$wheels" \
    --constraint "$root/constraints.txt" \
    torch kornia numpy safetensors pydantic scipy scikit-learn pandas pyarrow
echo "base image $tag, wheels in $wheels"

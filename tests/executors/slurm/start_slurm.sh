#!/usr/bin/env bash
# A real Slurm on this machine, for tests: three nodes, of which `fragile` may be taken down, and `tight` filled.
#
#   sudo tests/executors/slurm/start_slurm.sh [FOLDER]
#   export SLURM_CONF=FOLDER/slurm.conf
#
# Debian only, as root, without systemd and without cgroups. It installs slurm-wlm and munge if they are missing, starts
# munged, slurmctld and slurmd with everything of theirs in FOLDER (default /var/tmp/forget-me-not-slurm), and returns
# once its nodes are idle. Called again, it keeps a cluster that answers. `stop_slurm.sh` beside it ends the daemons.
#
# Partitions: `work` (the default), `low`, whose jobs `high` pre-empts and Slurm then requeues, `short`, whose jobs may
# take a minute, and `fragile`. A node claims eight processors, so that tests do not wait for one another.
set -euo pipefail
folder=${1:-/var/tmp/forget-me-not-slurm}
export SLURM_CONF=$folder/slurm.conf

if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
    apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq slurm-wlm munge >/dev/null
fi
if [ -f "$SLURM_CONF" ] && timeout 10 sinfo --noheader --states=idle,mixed,allocated 2>/dev/null | grep -q .; then
    exit 0
fi

mkdir -p "$folder"/{state,spool,log}
host=$(hostname -s)
memory=$(($(awk '/^MemTotal/ {print $2}' /proc/meminfo) / 1024 * 9 / 10))
cat >"$SLURM_CONF" <<CONF
ClusterName=tests
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
# Slurm holds a requeued job back until its old credential has expired: 120 s if nothing is said.
AuthInfo=socket=$folder/munge.socket,cred_expire=5
SlurmUser=root
SlurmdUser=root
SlurmctldPort=26817
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=2048
# Memory is watched by looking at it every second, since there are no cgroups here.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,bf_interval=2,sched_interval=2,bf_window=60
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=5
CompleteWait=0
MinJobAge=120
ReturnToService=2
SlurmdParameters=config_overrides
MaxArraySize=1001
NodeName=whole NodeHostname=$host NodeAddr=127.0.0.1 Port=26818 CPUs=8 RealMemory=$memory State=UNKNOWN
NodeName=fragile NodeHostname=$host NodeAddr=127.0.0.1 Port=26819 CPUs=8 RealMemory=$memory State=UNKNOWN
NodeName=tight NodeHostname=$host NodeAddr=127.0.0.1 Port=26820 CPUs=8 RealMemory=$memory State=UNKNOWN
PartitionName=work Nodes=whole Default=YES PriorityTier=5 PreemptMode=OFF MaxTime=60
PartitionName=low Nodes=tight PriorityTier=1 PreemptMode=REQUEUE MaxTime=60
PartitionName=high Nodes=tight PriorityTier=10 PreemptMode=OFF MaxTime=60
PartitionName=short Nodes=whole PriorityTier=5 PreemptMode=OFF MaxTime=1
PartitionName=fragile Nodes=fragile PriorityTier=5 PreemptMode=OFF MaxTime=60
CONF

if [ ! -s "$folder/munge.key" ]; then
    dd if=/dev/urandom of="$folder/munge.key" bs=1024 count=1 status=none
fi
chmod 600 "$folder/munge.key"
if ! timeout 5 munge --no-input --socket="$folder/munge.socket" >/dev/null 2>&1; then
    rm -f "$folder"/munge.{socket,socket.lock,pid}
    # --force: the checks ask for a user `munge` and folders that nobody else may write to.
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munge.pid" \
        --log-file="$folder/log/munged.log" --seed-file="$folder/munge.seed" 2>>"$folder/log/munged.log"
fi
slurmctld -c
for node in whole fragile tight; do
    mkdir -p "$folder/spool/$node"
    slurmd -N "$node"
done
for _ in $(seq 60); do
    if [ "$(timeout 5 sinfo --noheader --Node --states=idle --format=%N 2>/dev/null | sort -u | wc -l)" = 3 ]; then
        exit 0
    fi
    sleep 0.5
done
echo "no Slurm has come up; what its daemons said:" >&2
tail -n 20 "$folder"/log/*.log >&2
exit 1

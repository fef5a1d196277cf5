#!/usr/bin/env bash
# A SLURM cluster of this one machine (Debian or Ubuntu, as root): for a workstation, a try-out, or tests.
#
#   profiles/slurm/one_node.sh start               install slurm and munge, configure and start them
#   profiles/slurm/one_node.sh run [OPTION ...]    the same, then the study: snakemake with profiles/slurm and your options
#   profiles/slurm/one_node.sh stop                stop the three daemons
#
# Partitions: main, gpu. A machine without an NVIDIA card pretends to have a GPU for each core, so that jobs can ask for one.
# Jobs over their memory are killed. There is no accounting database, hence no accounts.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
etc=/etc/slurm # jobs do not inherit SLURM_CONF: it must be here
export SLURM_CONF=$etc/slurm.conf
mark="# written by ragimpute's one_node.sh"
fail() { echo "one_node.sh: $1" >&2; exit 1; }

ours() { grep -qsF "$mark" "$SLURM_CONF"; }

up() { ours && [ -n "$(timeout 20 sinfo --noheader --states idle,mixed,allocated 2> /dev/null)" ]; }

install_slurm() {
  local program missing=
  for program in slurmctld slurmd munged pgrep; do command -v $program > /dev/null || missing+=" $program"; done
  [ -n "$missing" ] || return 0
  command -v apt-get > /dev/null || fail "missing:$missing; and there is no apt-get to install them"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge procps > /dev/null
}

configure() {
  local node memory gpus
  node=$(uname -n)
  node=${node%%.*}
  memory=$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
  install -d -m 755 $etc /var/spool/slurmctld /var/spool/slurmd /var/log/slurm /run/munge
  gpus=$(find /dev -maxdepth 1 -name 'nvidia[0-9]*' | sort)
  if [ -z "$gpus" ]; then
    gpus=$(seq -f /var/spool/slurmd/gpu%g "$(nproc)") # SLURM counts a GPU where a file is
    xargs touch <<< "$gpus"
  fi
  cat > "$SLURM_CONF" << CONF
$mark
ClusterName=one_node
# addresses, for a host name that does not resolve
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SchedulerParameters=sched_interval=2,bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
# without cgroups: memory is sampled, and a job over its limit is killed
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
# squeue is asked how jobs ended: it must remember them
MinJobAge=3600
GresTypes=gpu
# the node is what this file says, should slurmd count otherwise
SlurmdParameters=config_overrides
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory Gres=gpu:$(wc -w <<< "$gpus") State=UNKNOWN
PartitionName=main Nodes=$node Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=$node MaxTime=INFINITE State=UP
CONF
  for file in $gpus; do echo "Name=gpu File=$file"; done > $etc/gres.conf
  echo "CgroupPlugin=cgroup/v1" > $etc/cgroup.conf
  if [ ! -s /etc/munge/munge.key ]; then mungekey --create; fi
  chown -R munge: /etc/munge /run/munge
}

start() {
  if up; then return; fi
  [ "$(id -u)" = 0 ] || fail "start needs root"
  [ ! -s "$SLURM_CONF" ] || ours || fail "$SLURM_CONF is somebody else's; left alone"
  install_slurm
  if ours; then stop; fi # what is left of a cluster that broke
  if pgrep -x 'slurm(d|ctld)' > /dev/null; then fail "a slurmd or slurmctld that this script did not start is running"; fi
  configure
  pgrep -x munged > /dev/null || runuser -u munge -- /usr/sbin/munged
  munge --no-input | unmunge > /dev/null || fail "munged does not answer; see /var/log/munge/munged.log"
  slurmctld -c # -c: forget the jobs of an earlier cluster
  slurmd
  for _ in $(seq 120); do
    if up; then return; fi
    sleep 0.5
  done
  tail -n 20 /var/log/slurm/*.log >&2
  fail "the cluster did not come up within a minute"
}

stop() {
  local file pid
  ours || fail "$SLURM_CONF was not written by this script; nothing stopped"
  command -v pgrep > /dev/null || fail "pgrep is missing; on Debian: apt-get install procps"
  for file in /run/slurmd.pid /run/slurmctld.pid /run/munge/munged.pid; do
    pid=$(pgrep -x "$(basename $file .pid)" --pidfile $file 2> /dev/null) || continue # no such process, or another's number
    kill "$pid"
    timeout 30 tail -s 0.1 --pid="$pid" -f /dev/null || fail "process $pid of $file does not end"
  done
}

run() {
  start
  PATH=$root/.venv/bin:$PATH snakemake --snakefile "$root/Snakefile" --workflow-profile "$here" \
    --default-resources slurm_partition=main --slurm-init-seconds-before-status-checks 2 "$@"
}

case ${1:-} in
  start | stop) "$1" ;;
  run) run "${@:2}" ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac

#!/usr/bin/env bash
# A SLURM cluster of this one machine (Debian or Ubuntu, as root): for a workstation, a try-out, or tests.
#
#   profiles/slurm/one_node.sh start               install slurm and munge, configure and start them
#   profiles/slurm/one_node.sh run [OPTION ...]    the same, then the study: snakemake with profiles/slurm and your options
#   profiles/slurm/one_node.sh stop                stop the three daemons
#
# Partitions: main, gpu. A machine without an NVIDIA card gets one pretended GPU (/dev/null), so that jobs can ask for one.
# Jobs over their memory are killed. There is no accounting database, hence no accounts.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
etc=/etc/slurm # jobs do not inherit SLURM_CONF: it must be here
mark="# written by ragimpute's one_node.sh"
fail() { echo "one_node.sh: $1" >&2; exit 1; }

install_slurm() {
  command -v slurmctld > /dev/null && command -v slurmd > /dev/null && command -v munged > /dev/null && return
  command -v apt-get > /dev/null || fail "slurmctld, slurmd or munged is missing, and there is no apt-get to install them"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge > /dev/null
}

configure() {
  local node memory gpus
  [ ! -s $etc/slurm.conf ] || grep -qF "$mark" $etc/slurm.conf || fail "$etc/slurm.conf is somebody else's; left alone"
  node=$(hostname -s)
  memory=$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
  gpus=$(find /dev -maxdepth 1 -name 'nvidia[0-9]*' | sort)
  mkdir -p $etc /var/spool/slurmctld /var/spool/slurmd /var/log/slurm /run/munge
  cat > $etc/slurm.conf << CONF
$mark
ClusterName=one_node
SlurmctldHost=$node
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
MinJobAge=300
GresTypes=gpu
NodeName=$node CPUs=$(nproc) RealMemory=$memory Gres=gpu:$(wc -w <<< "${gpus:-/dev/null}") State=UNKNOWN
PartitionName=main Nodes=$node Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=$node MaxTime=INFINITE State=UP
CONF
  for file in ${gpus:-/dev/null}; do echo "Name=gpu File=$file"; done > $etc/gres.conf
  echo "CgroupPlugin=cgroup/v1" > $etc/cgroup.conf
  if [ ! -s /etc/munge/munge.key ]; then mungekey --create; fi
  chown -R munge: /etc/munge /run/munge
}

start() {
  [ "$(id -u)" = 0 ] || fail "start needs root"
  if sinfo --noheader --states idle,mixed,allocated 2> /dev/null | grep -q .; then return; fi
  install_slurm
  configure
  pgrep -x munged > /dev/null || runuser -u munge -- /usr/sbin/munged
  pgrep -x slurmctld > /dev/null || slurmctld -c # -c: forget the jobs of an earlier cluster
  pgrep -x slurmd > /dev/null || slurmd
  for _ in $(seq 60); do
    if sinfo --noheader --states idle,mixed,allocated 2> /dev/null | grep -q .; then return; fi
    sleep 0.5
  done
  tail -n 20 /var/log/slurm/*.log >&2
  fail "the cluster did not come up within 30 seconds"
}

stop() {
  local name
  grep -qsF "$mark" $etc/slurm.conf || fail "$etc/slurm.conf was not written by this script; nothing stopped"
  for name in slurmd slurmctld; do
    if [ -s /run/$name.pid ]; then kill "$(cat /run/$name.pid)" 2> /dev/null || true; fi
  done
  if [ -s /run/munge/munged.pid ]; then kill "$(cat /run/munge/munged.pid)" 2> /dev/null || true; fi
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

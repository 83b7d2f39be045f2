"""What a private Slurm cluster is made of: its shape, and the files that say it to Slurm. Pure."""

from __future__ import annotations

from typing import Dict, NamedTuple, Sequence


class Shape(NamedTuple):
    """A cluster: `nodes` of `cpus` and `memory_mb` each; `licenses` as Slurm writes them.

    A finished job is forgotten `min_job_age_s` after its end, a node that says nothing is held to
    be down after `node_timeout_s`: in a low one a busy machine loses nodes that are well. A daemon
    that does not answer in `message_timeout_s` is held not to: in a low one a busy machine fails to
    start jobs, which Slurm then tries 2 minutes later.
    """

    nodes: int = 2
    cpus: int = 4
    memory_mb: int = 4096
    gpus: int = 0
    licenses: str = "db:2"
    min_job_age_s: int = 300
    node_timeout_s: int = 60
    message_timeout_s: int = 10

    @property
    def names(self) -> Sequence[str]:
        """The names of the nodes."""
        return ["n%d" % number for number in range(1, self.nodes + 1)]


_SLURM = """\
ClusterName=orchestra
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=64
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
ReturnToService=2
SlurmdTimeout={shape.node_timeout_s}
SlurmctldTimeout=5
KillWait=2
MessageTimeout={shape.message_timeout_s}
MinJobAge={shape.min_job_age_s}
Licenses={shape.licenses}
SlurmdParameters=config_overrides
SchedulerParameters={scheduling}
"""
_SCHEDULING = (
    "batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1,"
    "default_queue_depth=1000,partition_job_depth=0,preempt_youngest_first,"
    "bf_max_job_array_resv=1000,bf_max_job_test=1000"
)
_PARTITIONS = """\
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
PartitionName=short Nodes=ALL MaxTime=10 State=UP PriorityTier=1
"""


def files(shape: Shape, folder: str, host: str, user: str, ports: Sequence[int]) -> Dict[str, str]:
    """The texts of the files by name, for a cluster in `folder`; a port more than nodes."""
    slurm = _SLURM.format(
        folder=folder, host=host, user=user, ports=ports, shape=shape, scheduling=_SCHEDULING
    )
    if shape.gpus:
        slurm += "GresTypes=gpu\n"
    for name, port in zip(shape.names, ports[1:]):
        slurm += (
            "NodeName=%s NodeHostname=%s NodeAddr=127.0.0.1 Port=%d CPUs=%d RealMemory=%d%s\n"
            % (
                name,
                name,
                port,
                shape.cpus,
                shape.memory_mb,
                " Gres=gpu:%d" % shape.gpus if shape.gpus else "",
            )
        )
    devices = ""
    if shape.gpus:
        devices = "NodeName=n[1-%d] Name=gpu File=%s/gpu[0-%d]\n" % (
            shape.nodes,
            folder,
            shape.gpus - 1,
        )
    return {
        "slurm.conf": slurm + _PARTITIONS,
        "gres.conf": devices,
        "cgroup.conf": "CgroupAutomount=no\n",
    }

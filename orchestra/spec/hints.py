"""Orchestra's words for those of other tools. Pure."""

from __future__ import annotations

from typing import Mapping

WORD_BY_OTHER: Mapping[str, str] = {
    "depends": "needs",
    "depends_on": "needs",
    "deps": "needs",
    "cmd": "run",
    "cmds": "run",
    "script": "run",
    "retries": "retry",
    "retry_policy": "retry",
    "timeout-minutes": "timeout",
    "timeout_sec": "timeout",
    "continue-on-error": "allow_failure",
    "continue_on": "allow_failure",
    "when": "if",
    "condition": "if",
    "working-directory": "working_dir",
    "dir": "working_dir",
    "cwd": "working_dir",
    "sources": "cache",
    "generates": "cache",
    "strategy": "matrix",
    "tasks": "steps",
    "jobs": "steps",
    "stages": "steps",
    "on": "schedule",
    "max_active_runs": "concurrency",
    "maxActiveRuns": "concurrency",
    "onSuccess": "on_success",
    "onFailure": "on_failure",
    "on_error": "on_failure",
    "onError": "on_failure",
    "on_abort": "on_cancel",
    "onCancel": "on_cancel",
    "on_exit": "finally",
    "onExit": "finally",
    "on_done": "finally",
    "always": "finally",
    "after_script": "finally",
    "ensure": "finally",
    "catch": "fallback",
    "rescue": "fallback",
    "backend": "executor",
    "runner": "executor",
    "runs-on": "executor",
    "runs_on": "executor",
    "platform": "executor",
}
"""Other tools' words for keys, and the right one."""

HANDLER_GROUPS = frozenset(["handlers", "handler_on", "hooks", "callbacks"])
"""Other tools' words for what holds all handlers."""

WORD_BY_OTHER_AT_ROOT: Mapping[str, str] = {
    **WORD_BY_OTHER,
    "inputs": "params",
    "alert": "notify",
    "alerts": "notify",
    "notification": "notify",
    "notifications": "notify",
    "mail_on": "notify",
    "mailOn": "notify",
}
"""The same for the keys of the workflow itself."""

WORD_BY_OTHER_INSIDE: Mapping[str, str] = {
    "cancel-in-progress": "policy",
    "cancel_in_progress": "policy",
    "max_parallel": "limit",
}
"""The same for the keys of mappings inside."""

SETTING_BY_OTHER: Mapping[str, str] = {
    "queue": "slurm.partition",
    "partition": "slurm.partition",
    "slurm_partition": "slurm.partition",
    "account": "slurm.account",
    "slurm_account": "slurm.account",
    "qos": "slurm.qos",
    "walltime": "slurm.time",
    "sbatch": "slurm.extra",
    "cluster_options": "slurm.extra",
    "clusterOptions": "slurm.extra",
    "slurm_extra": "slurm.extra",
    "scheduler": "dask.scheduler",
}
"""Words for what an executor is told, where it is told to the step or the workflow itself."""

WORD_BY_OTHER_IN_SETTINGS: Mapping[str, str] = {
    "queue": "partition",
    "project": "account",
    "time_limit": "time",
    "timelimit": "time",
    "walltime": "time",
    "timeout": "time",
    "args": "extra",
    "flags": "extra",
    "options": "extra",
    "extra_args": "extra",
    "address": "scheduler",
    "url": "scheduler",
    "limit": "max_jobs",
    "max_parallel": "max_jobs",
}
"""The same for the keys of what an executor is told."""

RESOURCE_WORDS = frozenset(
    ["cpu", "cpus", "cpus_per_task", "cores", "mem", "memory", "gpu", "gpus", "gres", "resources"]
)
"""Words for what a step takes, which it says under `resources` wherever it runs."""

WORD_BY_OTHER_IN_NOTIFY: Mapping[str, str] = {
    "on": "when",
    "if": "when",
    "events": "when",
    "state": "when",
    "to": "url",
    "email": "url",
    "mail": "url",
    "mailto": "url",
    "slack": "url",
    "apprise": "url",
    "hook": "webhook",
    "http": "webhook",
    "endpoint": "webhook",
    "cmd": "command",
    "run": "command",
    "script": "command",
    "exec": "command",
    "after": "slow_after",
    "threshold": "slow_after",
}
"""The same for the keys of an entry of `notify`."""

TYPE_BY_OTHER: Mapping[str, str] = {
    "str": "string",
    "text": "string",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "json",
    "list": "json",
    "object": "json",
}
"""Other tools' words for types, and the right one."""

"""The environment of an attempt, and the files it may be read from. Never touches `os.environ`.

Later layers win: what is inherited, the layers of the workflow file, orchestra's own. With
`inherit_env: false` nothing is inherited, not even PATH; programs are then looked up in
`os.defpath`. What an outer orchestra set for its own step is not inherited, so that a run inside
a step speaks of itself; `ORCHESTRA_PARAM_*` and `ORCHESTRA_STATE_DIR`, which only people set, are.
"""

from __future__ import annotations

import os
import re
import stat
from functools import lru_cache
from typing import TYPE_CHECKING, Dict, List, Mapping, Optional, Tuple, Union

from orchestra.engine.ports import Launching
from orchestra.errors import UsageError
from orchestra.model.run import JOB_DESCRIPTORS, LONGEST_STRING_BYTES
from orchestra.steps.summaries import SUMMARY_SUFFIX

if TYPE_CHECKING:
    from orchestra.model.trace_context import TraceContext

OWN_NAMES = (
    "ORCHESTRA_RUN_ID",
    "ORCHESTRA_STEP",
    "ORCHESTRA_ATTEMPT",
    "ORCHESTRA_OUTPUT",
    "ORCHESTRA_SUMMARY",
    "ORCHESTRA_CPUS",
)
"""What orchestra sets for every step, and nobody else can."""

VALUE_PREFIX = "ORCHESTRA_VALUE_"
"""How the variables begin that hold the values of a script."""

Inherit = Union[bool, Tuple[str, ...]]

_LARGEST_FILE = 2**20
_MOST_FAULTS = 20
_FILE_LINE = re.compile(r"(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)")
_QUOTED = re.compile(r"""(?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)")[ \t]*(?:\#.*)?""")
_ESCAPE = re.compile(r"\\(.)")
_MEANING = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}
_OF_THIS_MACHINE = re.compile(
    rb"(CUDA|NVIDIA|ROCR|HIP)_VISIBLE_DEVICES|GPU_DEVICE_ORDINAL|SLURM_(?!CONF$).*|SLURMD_.*"
)
"""Of a job of Slurm in which orchestra runs as well."""

_NO_FLAG = re.compile(rb"[\s\\$#'\"]")
_COMMENT = re.compile(r"[ \t]#.*")
_SUMMARY_SUFFIX = SUMMARY_SUFFIX.encode()
_folder = lru_cache(maxsize=64)(os.fsencode)  # most steps of a run share one


def encode(text: str, what: str) -> bytes:
    """The bytes of a text on its way into a process; `what` names it in a fault.

    Bytes that were no UTF-8 when orchestra read them (surrogates, PEP 383) are themselves again.

    Raises:
        ValueError: it has a NUL, or half a character.
    """
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as fault:
        raise ValueError(
            "%s has half a character: U+%04X" % (what, ord(text[fault.start]))
        ) from fault
    if b"\0" in raw:
        raise ValueError("%s has a NUL byte, which no process can be given" % what)
    return raw


class Environments:
    """Makes the environment of each attempt of a run.

    `environ` is what orchestra itself was started with; it is read once for each way to inherit.
    Where there is a `trace`, each attempt gets its own `TRACEPARENT`.
    """

    def __init__(
        self, environ: Mapping[str, str], run_id: str, trace: Optional[TraceContext] = None
    ) -> None:
        self._trace = trace
        self._environ = environ
        self._run_id = run_id.encode()
        self._base_by_inherit: Dict[Inherit, Dict[bytes, bytes]] = {}

    def environment(
        self, launching: Launching, working_dir: str, output_path: str
    ) -> Dict[bytes, bytes]:
        """All variables of the attempt, in a dict of its own.

        Raises:
            ValueError: a variable is too long or holds what no process can be given; says which.
        """
        inherit = launching.inherit_env
        base = self._base_by_inherit.get(inherit)
        if base is None:
            base = self._base_by_inherit[inherit] = self._inherited(inherit)
        env = base.copy()
        if launching.errand is not None:
            _leave_here(env)
        if self._trace is not None:
            env[b"TRACEPARENT"] = self._trace.traceparent(launching.key).encode()
        for name, value in launching.env.items():
            raw_name, raw = name.encode(), encode(value, "env " + name)
            if len(raw_name) + 1 + len(raw) > LONGEST_STRING_BYTES:
                about = (name, len(raw_name) + 1 + len(raw), LONGEST_STRING_BYTES)
                raise ValueError("env %s is %d bytes with its name, the limit is %d" % about)
            env[raw_name] = raw
        self._add_own(env, launching)
        env[b"PWD"] = _folder(working_dir)
        env[b"ORCHESTRA_OUTPUT"] = output = os.fsencode(output_path)
        env[b"ORCHESTRA_SUMMARY"] = output + _SUMMARY_SUFFIX
        return env

    def _inherited(self, inherit: Inherit) -> Dict[bytes, bytes]:
        environ = self._environ
        names = environ if inherit is True else inherit or ()
        return {
            os.fsencode(name): os.fsencode(environ[name])
            for name in names
            if name in environ and name not in OWN_NAMES and not name.startswith(VALUE_PREFIX)
        }

    def _add_own(self, env: Dict[bytes, bytes], launching: Launching) -> None:
        key, resources = launching.key, launching.step.resources
        errand = launching.errand
        cpu = launching.demand.get("cpu", 0) if errand is None else errand.cpu
        cpus = b"%d" % whole_cpus(cpu)
        env[b"ORCHESTRA_RUN_ID"] = self._run_id
        env[b"ORCHESTRA_STEP"] = key.step.encode()
        env[b"ORCHESTRA_ATTEMPT"] = b"%d" % key.number
        env[b"ORCHESTRA_CPUS"] = cpus
        if "cpu" in resources:
            env.setdefault(b"OMP_NUM_THREADS", cpus)
        if "gpu" in resources and errand is None:
            env[b"CUDA_VISIBLE_DEVICES"] = ",".join(map(str, launching.devices)).encode()


def name_job_server(env: Dict[bytes, bytes], jobs: int, path: str) -> None:
    """Have make, and what understands its flags, find the job server at a path, for so many jobs.

    GNU make 4.2 to 4.3 knows descriptors only, ninja a path only. Where an option is given twice
    make takes the last, and it understands options that are cut short, as the others do not. A path
    that the flags cannot hold is left out.
    """
    flags = b" -j%d" % jobs
    raw = os.fsencode(path)
    if _NO_FLAG.search(raw):
        flags += b" --jobserver-auth=%d,%d" % JOB_DESCRIPTORS
    else:
        flags += b" --jobserver-auth=fifo:%s --jobserver-aut=%d,%d" % (raw, *JOB_DESCRIPTORS)
    # what follows ` -- ` are variables
    options, dashes, variables = env.get(b"MAKEFLAGS", b"").partition(b" -- ")
    env[b"MAKEFLAGS"] = options + flags + dashes + variables


def whole_cpus(cpu: int) -> int:
    """How many threads make sense on so much cpu, in thousandths: whole ones, and never none."""
    return max(1, -(-cpu // 1000))


def _leave_here(env: Dict[bytes, bytes]) -> None:
    """Take out what is inherited and speaks of this machine: the engine elsewhere sets its own."""
    for name in [name for name in env if _OF_THIS_MACHINE.fullmatch(name)]:
        del env[name]


def read_env_file(path: str) -> Dict[str, str]:
    """The variables of an env file, in its order; a later line of a name replaces an earlier one.

    A line is `NAME=VALUE`, with `export` before it or not, or empty, or a comment from `#` on.
    VALUE is `'as it is'`, or `"with \\n \\r \\t \\" \\\\ \\$"` (before anything else a backslash
    is itself), or bare: without the blanks around it, and up to a `#` that has a blank before it.
    Nothing is expanded and no shell is asked: `$HOME` stays `$HOME`.

    Raises:
        UsageError: it is no regular file, cannot be read, is over 1 MiB, or has faults: all of
            them, as `file:line: what`.
    """
    variables: Dict[str, str] = {}
    faults: List[str] = []
    for number, line in enumerate(_env_file_text(path).split("\n"), 1):
        text = line.strip(" \t\r")
        if not text or text.startswith("#"):
            continue
        match = _FILE_LINE.fullmatch(text)
        if match is None:
            faults.append("%s:%d: this is no NAME=VALUE" % (path, number))
            continue
        try:
            variables[match.group("name")] = _env_file_value(match.group("value"))
        except ValueError as fault:
            faults.append("%s:%d: %s" % (path, number, fault))
    if faults:
        more = len(faults) - _MOST_FAULTS
        faults[_MOST_FAULTS:] = ["and %d more faults" % more] if more > 0 else []
        raise UsageError("\n".join(faults), "a line is NAME=VALUE, NAME='VALUE' or a # comment")
    return variables


def _env_file_text(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UsageError("%s: an env file has to be a regular file" % path)
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(_LARGEST_FILE + 1)
        finally:
            os.close(descriptor)
    except OSError as fault:
        raise UsageError("%s: cannot be read: %s" % (path, fault.strerror)) from fault
    if len(data) > _LARGEST_FILE:
        raise UsageError("%s: an env file of more than 1 MiB is not read" % path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise UsageError("%s:%d: this line is not UTF-8" % (path, line)) from fault


def _env_file_value(text: str) -> str:
    if "\0" in text:
        raise ValueError("there is a NUL byte")
    if not text.startswith(("'", '"')):
        return _COMMENT.sub("", text).strip(" \t")
    match = _QUOTED.fullmatch(text)
    if match is None:
        raise ValueError("the quote is not closed, or something follows it")
    if match.group("single") is not None:
        return match.group("single")
    return _ESCAPE.sub(lambda at: _MEANING.get(at.group(1), at.group()), match.group("double"))

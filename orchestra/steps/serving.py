"""The fork server of Python steps: it waits with modules imported, and forks a process for each.

Loaded by `bootstrap.py serve SOCKET MODULES PADDING`, in an interpreter of its own that has one
thread; needs nothing of orchestra. What it tells, and is told, by the socket, a message each:

    it says once     as JSON, {"fault": why it cannot serve, empty when it is ready,
                     "stamps": when each place of `sys.path` was changed, in ns, null for none,
                     "more": names of modules that it has and a plain interpreter would look for,
                     when that begins with a file or a module, and with code or a call}
    it is asked      one byte; with it come three descriptors: output, gate, working directory
    it answers       4 bytes, little-endian: the pid, or an errno below 0

A process that is forked is a child of whoever reaps the orphans of this one, and leads a session.
It does nothing before it has read what it is to be from the gate, and ends where that is closed
instead: then nobody knows of it. There stand, little-endian in 4 bytes each, the number of
arguments and the size of the rest: the arguments (from the interpreter on) and the NAME=VALUEs, a
NUL after each. So no server ever has a value that is one step's. Until then its environment in
/proc is the server's; then it names the run, the step and the attempt, over ORCHESTRA_SERVER.
"""

import _socket  # what `socket` adds to it costs memory, which each fork copies
import array
import ctypes
import errno
import gc
import json
import os
import runpy  # noqa: F401 - steps that are modules need it
import signal
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple

HEAD = struct.Struct("<II")
ANSWER = struct.Struct("<i")
MARK = b"ORCHESTRA_SERVER="
MARKS = (b"ORCHESTRA_RUN_ID=", b"ORCHESTRA_STEP=", b"ORCHESTRA_ATTEMPT=")
RIGHTS_BYTES = _socket.CMSG_SPACE(3 * array.array("i").itemsize)
GATE_BYTES = 1 << 13
PR_SET_PDEATHSIG = 1  # Source: <linux/prctl.h>


class Memory:
    """Where others look: the kernel for what /proc shows of this process, C for the environment.

    Raises:
        OSError: the environment does not begin with the mark of a server.

    Source: proc(5), fields 48 to 51 of /proc/PID/stat; environ(7).
    """

    def __init__(self) -> None:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        argv, argv_end, env, env_end = (int(field) for field in fields[45:49])
        if not env or ctypes.string_at(env, len(MARK)) != MARK:
            raise OSError(errno.ENOTSUP, "the environment is not where it was put")
        mark_bytes = ctypes.string_at(env, env_end - env).index(b"\0")
        self._argv = memoryview((ctypes.c_char * (argv_end - argv)).from_address(argv)).cast("B")
        self._env = memoryview((ctypes.c_char * mark_bytes).from_address(env)).cast("B")
        environ = (ctypes.c_size_t * 1).in_dll(ctypes.PyDLL(None), "environ")
        self._environ = memoryview(environ).cast("B").cast("L")
        self._kept: List[object] = []

    def show(self, argv: "Sequence[bytes]", marks: "Sequence[bytes]") -> None:
        """Have /proc show these arguments, and an environment that begins so."""
        room = len(self._argv)
        self._argv[:] = b"\0".join(argv)[: room - 1].ljust(room, b"\0")
        room = len(self._env)
        self._env[:] = b"\0".join(marks)[:room].ljust(room, b"\0")

    def set_environ(self, place: int, *kept: object) -> None:
        """Have C find the environment there; it lies in what is to be kept."""
        self.keep(*kept)
        self._environ[0] = place

    def keep(self, *kept: object) -> None:
        """Not give these back: that would cost a copy of each page on which they lie."""
        self._kept += kept


class Self:
    """What a process is to be: its arguments, from the interpreter on, and its environment."""

    def __init__(self, count: int, words: bytes) -> None:
        each = words.split(b"\0")
        self.argv, self.env = each[:count], each[count:-1]
        self._words = array.array("b", words)
        self._env_at = sum(map(len, self.argv)) + count

    def take_on(self, memory: "Memory") -> None:
        """Have this environment, for Python and at once for C.

        To set the variables one by one costs as much as the fork: each looks for room of its own.
        """
        known = {}
        place = self._words.buffer_info()[0] + self._env_at
        places = array.array("L")
        for each in self.env:
            name, _, value = each.partition(b"=")
            known[name] = value
            places.append(place)
            place += len(each) + 1
        places.append(0)
        memory.keep(os.environ._data)  # type: ignore[attr-defined]
        mappings: Tuple[Any, ...] = (os.environ, os.environb)
        for mapping in mappings:
            mapping._data = known
        memory.set_environ(places.buffer_info()[0], self._words, places)


def pass_gate(gate: int) -> "Self":
    """What this process is to be. Where nobody wants it, it dies: it never ends as a step does."""
    data = b""
    while True:
        block = os.read(gate, GATE_BYTES)
        if not block:
            os.kill(os.getpid(), signal.SIGKILL)
        data += block
        if len(data) >= HEAD.size:
            count, size = HEAD.unpack_from(data)
            if len(data) == HEAD.size + size:
                return Self(count, data[HEAD.size :])


def become(memory: Memory, output: int, gate: int, folder: int) -> None:
    """Be the process of a step, as an interpreter that was started for it."""
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    own = pass_gate(gate)
    os.fchdir(folder)
    for descriptor in (output, gate, folder):
        os.close(descriptor)
    memory.show(own.argv, [each for each in own.env if each.startswith(MARKS)])
    own.take_on(memory)
    words = [os.fsdecode(word) for word in own.argv]
    sys.argv = words[1:]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv = words
    drawing: Optional[ModuleType] = sys.modules.get("numpy.random")
    if drawing is not None:
        drawing.seed()  # `random` sees to that itself


def stamps() -> "Dict[str, Optional[int]]":
    """When each place where modules are was changed last, None where there is none."""
    found: Dict[str, Optional[int]] = {}
    for place in sys.path:
        try:
            found[place] = os.stat(place).st_mtime_ns
        except (OSError, ValueError):
            found[place] = None
    return found


def forget_folders() -> None:
    """Have what lies in the folders looked up anew: a change at this very moment shows no time.

    Here once for all processes. `importlib.invalidate_caches` imports a dozen modules to do so.
    """
    for finder in sys.path_importer_cache.values():
        forget = getattr(finder, "invalidate_caches", None)
        if forget is not None:
            forget()


def more_than(seen: "Set[str]") -> "List[str]":
    """The modules that are here beside those, at the top level; what is built in is always here."""
    names = {name.partition(".")[0] for name in set(sys.modules) - seen}
    return sorted(names - {"__main__", *sys.builtin_module_names})


def serve(
    words: "Sequence[str]", seen: "Sequence[Set[str]]", load: "Callable[[str], Any]"
) -> "Any":
    """Serve until the engine has gone. Comes back in each process that is forked for a step.

    `seen` are the modules that a plain interpreter has when it begins with a file or a module, and
    when it begins with code or a call; `load` gives one from beside this. Returns how to leave.
    """
    forking, leaving, preloading = map(load, ("forking", "leaving", "preloading"))
    ctypes.PyDLL(None).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), *forking.NO_MORE)
    os.chdir("/")
    engine = _socket.socket(fileno=int(words[0]))
    os.set_inheritable(engine.fileno(), False)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.close(silence)
    told: Dict[str, Any] = {"stamps": stamps()}
    end = leaving.Leaving(load.__code__.co_filename)
    told["fault"] = preloading.Preloading([engine.fileno()]).fault(
        filter(None, words[1].split(","))
    )
    told["more"] = [more_than(each) for each in seen]
    forget_folders()
    try:
        memory = Memory()
        maker = forking.Maker(siblings=not words[1] or not preloading.is_told_of_forks())
        engine.send(json.dumps(told).encode())
    except OSError:
        os._exit(1)
    if told["fault"]:
        os._exit(1)
    del told
    gc.collect()
    forking.use_up_holes()
    end.begin(memory, maker, words, seen, load)
    gc.freeze()
    while True:
        asked, ancillary, _, _ = engine.recvmsg(1, RIGHTS_BYTES, _socket.MSG_CMSG_CLOEXEC)
        if not asked:
            os._exit(0)
        descriptors = array.array("i", ancillary[0][2])
        try:
            pid = maker.fork()
        except OSError as failure:
            pid = -(failure.errno or errno.EAGAIN)
        if pid is None:
            engine.close()
            become(memory, *descriptors)
            return end
        for descriptor in descriptors:
            os.close(descriptor)
        engine.send(ANSWER.pack(pid))

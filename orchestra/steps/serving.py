"""The fork server of Python steps: it waits with modules imported, and forks a process for each.

Loaded by `bootstrap.py serve SOCKET MODULES PADDING`, in an interpreter of its own that has one
thread; needs nothing of orchestra. What it is told, and tells, by the socket:

    it says once     a line: empty when it is ready, else why it cannot serve
    it is asked      the size of the rest in 4 bytes, little-endian; the number of arguments, the
                     arguments (from the interpreter on) and the NAME=VALUEs, a NUL between each
                     two; with them come three descriptors: output, gate, working directory
    it answers       4 bytes, little-endian: the pid, PLAIN, STALE, or an errno below 0

A process that is forked is a child of whoever reaps the orphans of this one, and leads a session.
It does nothing before it reads a byte from the gate, and ends where that is closed instead: then
nobody knows of it. Until it has read that byte its environment in /proc is the server's; then it
names the run, the step and the attempt, over the value of ORCHESTRA_SERVER, which comes first.
"""

import array
import atexit
import ctypes
import errno
import gc
import importlib
import io
import itertools
import mmap
import os
import runpy  # noqa: F401 - steps that are modules need it
import signal
import socket
import struct
import sys
import time
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Dict, FrozenSet, Iterable, List, Optional, Sequence, Set, Tuple

PLAIN = 0
"""This one has to be started as a plain interpreter: the server knows modules that it would not."""

STALE = -(2**31)
"""What can be imported has changed since the server was started; it ends."""

SIZE = struct.Struct("<I")
ANSWER = struct.Struct("<i")
MARK = b"ORCHESTRA_SERVER="
MARKS = (b"ORCHESTRA_RUN_ID=", b"ORCHESTRA_STEP=", b"ORCHESTRA_ATTEMPT=")

MOST_ENTRIES = 5000
"""A folder of more is not looked through for files that are called as modules are."""

ENDINGS = ("py", "pyc", "so")
"""How a file is called that is a module; a folder is called as the module is."""

SETTLED_NS = 2 * 10**9
"""A folder that changed less long ago may change again without its time telling."""

PR_SET_PDEATHSIG = 1  # Source: <linux/prctl.h>
PR_GET_TID_ADDRESS = 40
NO_MORE = (ctypes.c_ulong(0),) * 3
SYS_CLONE3 = 435  # Linux 5.3, the same on every architecture. Source: clone(2), <linux/sched.h>
CLONE_PARENT = 0x8000
CLONE_CHILD_CLEARTID = 0x200000
CLONE_CHILD_SETTID = 0x1000000
CLONE_ARGS = struct.Struct("8Q")
BUFFERED = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
LIBC = ctypes.PyDLL(None)  # keeps the interpreter's lock: other threads stand still
before_fork = ctypes.pythonapi.PyOS_BeforeFork
after_fork_child = ctypes.pythonapi.PyOS_AfterFork_Child
after_fork_parent = ctypes.pythonapi.PyOS_AfterFork_Parent


class Leaving:
    """Ends the process of a step as the interpreter would, but leaves alone what the server had.

    The interpreter gives all memory back piece by piece: in a process that shares it with the
    server each page would be copied for that, which costs more than all the rest. Wherever it is
    not certain how the interpreter would end, it is left to the interpreter.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._had: FrozenSet[str] = frozenset()
        self._kept: Tuple[object, ...] = ()
        self._is_last = not atexit._ncallbacks()
        atexit.register(self.leave)
        self._code: Optional[int] = 0
        self._raised = False

    def begin(self, *kept: object) -> None:
        """From now on what is imported is the step's; these are not given up either."""
        if self._is_last:
            self._had = frozenset(sys.modules)
        self._kept = (sys.modules["__main__"], *kept)

    def _is_own(self, name: str) -> bool:
        return name not in self._had

    def note(self, fault: BaseException) -> None:
        """The step has ended by an exception, which the interpreter is about to show."""
        if type(fault) is SystemExit:
            code = fault.code
            if code is None or isinstance(code, str):
                self._code = 0 if code is None else 1
            else:
                self._code = code if type(code) is int and 0 <= code <= 255 else None
        else:
            self._raised = True
            self._code = 1 if isinstance(fault, Exception) else None

    def end(self) -> None:
        """The step has come to its end by itself: what the interpreter would do, it may do at once.

        Before that it would give up what it has read this program by, which costs as much as all
        the rest. It has to wait for threads first, and calls what others have registered.
        """
        if "threading" not in sys.modules and atexit._ncallbacks() == 1:
            self.leave()

    def leave(self) -> None:
        """Called by `atexit`, last of all: threads have ended, functions have been called."""
        hook = getattr(sys.excepthook, "__code__", None)
        if self._code is None or not self._had:
            return
        if self._raised and getattr(hook, "co_filename", None) != self._bootstrap:
            return
        if len(sys._current_frames()) > 1:
            return  # threads that nobody waits for: the interpreter halts them
        try:
            flush_streams()
        except Exception:
            return  # the interpreter tries again, says why it cannot and ends with 120
        self._forget()
        LIBC.exit(self._code)

    def _forget(self) -> None:
        """Let go of what the step has made, as at the end of an interpreter."""
        flush_files()
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            if hasattr(sys, name):
                delattr(sys, name)
        names = ["__main__", *itertools.takewhile(self._is_own, reversed(sys.modules))]
        own = [sys.modules.pop(name, None) for name in names]
        left = [weakref.ref(module) for module in own if type(module) is type(sys)]
        del own
        gc.collect()
        for reference in left:
            module = reference()
            if module is not None:
                clear(module.__dict__)
        gc.collect()
        try:
            flush_streams()
        except Exception:
            return  # there is nobody left to whom that could be said


def flush_files() -> None:
    """Flush what nobody has closed: a collector would close the parts of a file in any order."""
    for each in gc.get_objects():
        if type(each) in BUFFERED and not each.closed:
            try:
                each.flush()
            except Exception:  # noqa: S112 - what cannot be flushed is lost, as ever
                continue


def flush_streams() -> None:
    """Flush what is written to by `print`."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not getattr(stream, "closed", False):
            stream.flush()


def clear(names: "Dict[str, Any]") -> None:
    """Give up the values of a module that others still refer to; those after a `_` first.

    Source: _PyModule_ClearDict() in Objects/moduleobject.c.
    """
    for name in list(names):
        if name.startswith("_") and not name.startswith("__"):
            names[name] = None
    for name in list(names):
        if name != "__builtins__":
            names[name] = None


class Memory:
    """Where the kernel reads the arguments and the environment that /proc shows of this process.

    Raises:
        OSError: the environment does not begin with the mark of a server.

    Source: proc(5), fields 48 to 51 of /proc/PID/stat.
    """

    def __init__(self) -> None:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        self._argv, argv_end, self._env, env_end = (int(field) for field in fields[45:49])
        self._argv_bytes = argv_end - self._argv
        if not self._env or ctypes.string_at(self._env, len(MARK)) != MARK:
            raise OSError(errno.ENOTSUP, "the environment is not where it was put")
        self._env_bytes = ctypes.string_at(self._env, env_end - self._env).index(b"\0")

    def show(self, argv: "Sequence[bytes]", marks: "Sequence[bytes]") -> None:
        """Have /proc show these arguments, and an environment that begins so."""
        text = b"\0".join(argv)[: self._argv_bytes - 1]
        ctypes.memmove(self._argv, text.ljust(self._argv_bytes, b"\0"), self._argv_bytes)
        text = b"\0".join(marks)[: self._env_bytes]
        ctypes.memmove(self._env, text.ljust(self._env_bytes, b"\0"), self._env_bytes)


class Request:
    """What is to be started: `kind`, `place` and `what` are the first words after the script."""

    def __init__(self, data: bytes, descriptors: "Sequence[int]") -> None:
        self._data = data
        _, _, _, self.kind, self.place, self.what, _ = data.split(b"\0", 6)
        self.output, self.gate, self.folder = descriptors

    def words(self) -> "Tuple[List[bytes], List[bytes]]":
        """The arguments, from the interpreter on, and the environment as NAME=VALUEs."""
        count, *words = self._data.split(b"\0")
        return words[: int(count)], words[int(count) :]

    def close(self) -> None:
        """Give the descriptors back."""
        for descriptor in (self.output, self.gate, self.folder):
            os.close(descriptor)


class Shelf:
    """Which modules the server has that a plain interpreter would look for when it is asked.

    `seen` are the names that such an interpreter has when it begins with a file or a module, and
    when it begins with code or a call.
    """

    def __init__(self, seen: "Sequence[Set[str]]") -> None:
        self._seen = seen
        self._stamp_by_place = {place: stamp(place) for place in sys.path}
        self._more: List[FrozenSet[str]] = []
        self._found_by_folder: Dict[bytes, Tuple[int, FrozenSet[str]]] = {}

    def close(self) -> None:
        """Nothing more is imported."""
        own = set(sys.builtin_module_names)
        for seen in self._seen:
            names = (name.partition(".")[0] for name in set(sys.modules) - seen)
            self._more.append(frozenset(names) - own - {"__main__"})

    def is_stale(self) -> bool:
        """Whether something was installed, or taken away, where modules are."""
        return any(stamp(place) != at for place, at in self._stamp_by_place.items())

    def hides(self, request: Request) -> bool:
        """Whether a folder of the request may have a module of its own for one that is here."""
        more = self._more[request.kind in (b"code", b"call")]
        if not more.isdisjoint(self._names_in(request.place)):
            return True
        if request.kind != b"file":
            return False
        return not more.isdisjoint(self._names_in(os.path.dirname(request.what)))

    def _names_in(self, folder: bytes) -> "Iterable[str]":
        at = stamp(folder)
        if at is None:
            return ()
        known = self._found_by_folder.get(folder)
        if known is not None and known[0] == at:
            return known[1]
        entries = os.listdir(folder)
        if len(entries) > MOST_ENTRIES:
            return self._more[0]
        parts = (os.fsdecode(entry).partition(".") for entry in entries)
        names = frozenset(name for name, _, rest in parts if rest.endswith(ENDINGS) or not rest)
        if time.time_ns() - at > SETTLED_NS:
            self._found_by_folder[folder] = (at, names)
        return names


def stamp(place: "Any") -> "Optional[int]":
    """When a folder or a file was changed last, None where there is none."""
    try:
        return os.stat(place).st_mtime_ns
    except (OSError, ValueError):
        return None


class Preloading:
    """Imports modules, and sees that none leaves what a process that forks must not have."""

    def __init__(self, descriptors: "Iterable[int]") -> None:
        self._descriptors = {0, 1, 2, *descriptors}
        self._handlers = handlers()

    def fault(self, names: "Iterable[str]") -> str:
        """Why they cannot be served; empty where they can."""
        for name in ["", *names]:
            try:
                if name:
                    importlib.import_module(name)
                found = self._left()
            except BaseException as fault:
                found = "%s: %s" % (type(fault).__name__, fault)
            if found:
                return "preload %s: %s" % (name, found) if name else found
        return ""

    def _left(self) -> str:
        forked = os.fork()  # some libraries end their threads when they are told of one
        if not forked:
            os._exit(0)
        os.waitpid(forked, 0)
        if len(os.listdir("/proc/self/task")) > 1:
            return "it keeps a thread running"
        with open("/proc/self/task/%d/children" % os.getpid()) as file:
            if file.read():
                return "it keeps a process running"
        if not self._descriptors.issuperset(open_descriptors()):
            return "it keeps a file open"
        if handlers() != self._handlers:
            return "it handles signals"
        return ""


def handlers() -> "Dict[int, object]":
    """What is done at each signal."""
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def open_descriptors() -> "List[int]":
    """The numbers that are open here, without the one that tells them."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            os.fstat(int(name))
        except OSError:
            continue
        found.append(int(name))
    return found


def receive(engine: socket.socket) -> "Optional[Request]":
    """The next request; None when nobody is left who could ask."""
    space = socket.CMSG_SPACE(3 * SIZE.size)
    head, ancillary, _, _ = engine.recvmsg(SIZE.size, space, socket.MSG_CMSG_CLOEXEC)
    if len(head) < SIZE.size or not ancillary:
        return None
    descriptors = array.array("i", ancillary[0][2])
    (size,) = SIZE.unpack(head)
    data = bytearray()
    while len(data) < size:
        block = engine.recv(size - len(data))
        if not block:
            return None
        data += block
    return Request(bytes(data), descriptors)


class Maker:
    """Makes processes that are no children of this one.

    By a process in between, whose orphan becomes the child of whoever reaps those. Of what
    libraries want to do at a fork the C library knows; the kernel can make a sibling at half the
    cost, but says nothing to them, so that is for a server without modules but Python's own.
    """

    def __init__(self, siblings: bool) -> None:
        self._shared = mmap.mmap(-1, ANSWER.size)
        self._tid = ctypes.c_void_p()  # where the C library keeps the number of its thread
        if siblings and is_glibc():
            LIBC.prctl(PR_GET_TID_ADDRESS, ctypes.byref(self._tid), *NO_MORE)
        flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID
        order = CLONE_ARGS.pack(flags, 0, self._tid.value or 0, *[0] * 5)
        self._call = (ctypes.c_long(SYS_CLONE3), order, ctypes.c_size_t(len(order)))
        self._syscall = LIBC.syscall

    def fork(self) -> "Optional[int]":
        """The pid of a new process, or an errno below 0; None in that process."""
        answer = self._sibling() if self._tid else self._orphan()
        return answer or None

    def _sibling(self) -> int:
        before_fork()
        pid: int = self._syscall(*self._call)
        if not pid:
            after_fork_child()
            return 0
        after_fork_parent()
        if pid < 0:
            self._tid = ctypes.c_void_p()
            return self._orphan()
        return pid

    def _orphan(self) -> int:
        ANSWER.pack_into(self._shared, 0, -errno.EAGAIN)  # should it be killed
        middle = os.fork()
        if middle:
            os.waitpid(middle, 0)
            answer: int = ANSWER.unpack_from(self._shared)[0]
            return answer
        try:
            pid = os.fork()
        except OSError as fault:
            pid = -(fault.errno or errno.EAGAIN)
        if not pid:
            return 0
        ANSWER.pack_into(self._shared, 0, pid)
        os._exit(0)


def is_glibc() -> bool:
    """Whether the C library is known to keep the number of a thread where the kernel writes it."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):
        return False


def become(request: Request, memory: Memory) -> None:
    """Be the process of a step, as an interpreter that was started for it."""
    os.setsid()
    os.dup2(request.output, 1)
    os.dup2(request.output, 2)
    if not os.read(request.gate, 1):
        os._exit(0)
    os.fchdir(request.folder)
    request.close()
    argv, env = request.words()
    memory.show(argv, [each for each in env if each.startswith(MARKS)])
    value_by_name = dict(each.partition(b"=")[::2] for each in env)
    for name in [each for each in os.environb if each not in value_by_name]:
        del os.environb[name]
    for name, value in value_by_name.items():
        os.environb[name] = value
    words = [os.fsdecode(word) for word in argv]
    sys.argv = words[1:]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv = words
    for finder in sys.path_importer_cache.values():
        forget = getattr(finder, "invalidate_caches", None)
        if forget is not None:
            forget()
    drawing: Optional[ModuleType] = sys.modules.get("numpy.random")
    if drawing is not None:
        drawing.seed()  # `random` sees to that itself


def serve(bootstrap: str, words: "Sequence[str]", seen: "Sequence[Set[str]]") -> Leaving:
    """Serve until the engine has gone. Comes back in each process that is forked for a step."""
    LIBC.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), *NO_MORE)
    os.chdir("/")
    engine = socket.socket(fileno=int(words[0]))
    engine.set_inheritable(False)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.close(silence)
    shelf = Shelf(seen)
    leaving = Leaving(bootstrap)
    fault = Preloading([engine.fileno()]).fault(filter(None, words[1].split(",")))
    shelf.close()
    try:
        memory = Memory()
        maker = Maker(siblings=not words[1])
        leaving.begin(shelf, memory, maker)
        engine.sendall(b" ".join(fault.encode("utf-8", "replace").split()) + b"\n")
    except OSError:
        os._exit(1)
    if fault:
        os._exit(1)
    gc.collect()
    gc.freeze()
    while True:
        request = receive(engine)
        if request is None:
            os._exit(0)
        if shelf.is_stale():
            engine.sendall(ANSWER.pack(STALE))
            os._exit(0)
        answer: Optional[int] = PLAIN
        if not shelf.hides(request):
            try:
                answer = maker.fork()
            except OSError as failure:
                answer = -(failure.errno or errno.EAGAIN)
        if answer is None:
            engine.close()
            become(request, memory)
            return leaving
        request.close()
        engine.sendall(ANSWER.pack(answer))

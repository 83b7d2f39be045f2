"""How the process of a step ends that was forked from a server: as an interpreter does.

Loaded by `serving.py` from beside it; needs nothing of orchestra.
"""

import atexit
import ctypes
import gc
import io
import itertools
import sys
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, FrozenSet, Optional, Tuple

BUFFERED = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
LIBC = ctypes.PyDLL(None)


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

"""Runs the Python of a step, in the child. Never needs orchestra, nor more than Python 3.6.

    bootstrap.py file FOLDER FILE [ARG…]      as `python FILE ARG…`
    bootstrap.py module FOLDER MODULE [ARG…]  as `python -m MODULE ARG…`
    bootstrap.py code FOLDER PAYLOAD          inline code
    bootstrap.py call FOLDER PAYLOAD          a function of a module
    bootstrap.py serve SOCKET MODULES PADDING each of these, in processes that are forked from here

FOLDER comes first in `sys.path` of what runs, once all that is needed here has been imported.
PAYLOAD is a JSON file, removed when it is read: `{step, names, code}` or `{names, call, args}`.
Uncaught exceptions, exit codes and interrupts are left to Python, so they end as they always do.
How a fork server works is told in `serving.py`; what runs in its processes has the same frames
below it as in an interpreter of its own.
"""

import sys

if __name__ == "__main__" and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]  # the folder of this file, whose other files must not shadow a module

import os

KIND = sys.argv[1] if __name__ == "__main__" else ""
SEEN = [set(sys.modules)] if KIND == "serve" else []

if KIND in ("code", "call", "serve"):  # the other two save 10 ms
    import json
    import re
    from collections.abc import Mapping
if KIND == "serve":
    SEEN.append(set(sys.modules))
if KIND in ("code", "serve"):
    import linecache
    import traceback
if KIND in ("call", "serve"):
    import inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Callable, Dict, List, Optional, Type


class Outputs:
    """Writes what was filled in to `$ORCHESTRA_OUTPUT` when the block ends, however it ends.

    `names` is where the dict stands as `outputs`, which the code may have bound anew.
    """

    def __init__(self, names: "Dict[str, Any]") -> None:
        self.names = names
        self.path = os.environ["ORCHESTRA_OUTPUT"]
        self.pid = os.getpid()

    def __enter__(self) -> None:
        self.names["outputs"] = {}

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        if os.getpid() != self.pid:
            return  # a fork that the step made and that ran to the end of its code
        refused = self._write(self.names.get("outputs"))
        for line in refused:
            sys.stderr.write("orchestra: %s\n" % line)
        good = value is None or (isinstance(value, SystemExit) and value.code in (None, 0))
        if refused and good:
            sys.exit(1)

    def _write(self, outputs: object) -> "List[str]":
        if type(outputs) is not dict and not isinstance(outputs, Mapping):
            return ["`outputs` is of type %s, it has to stay a dict" % type_name(outputs)]
        lines = []
        refused = []
        for name, value in outputs.items():
            try:
                lines.append(encode_output(name, value))
            except (TypeError, ValueError, RecursionError) as fault:
                about = (name, type_name(value), fault)
                refused.append("output %r of type %s cannot be written: %s" % about)
        if lines:
            try:
                append(self.path, b"".join(lines))
            except OSError as fault:
                refused.append("the outputs cannot be written: %s" % fault)
        return refused


def type_name(value: object) -> str:
    """The name of the value's type, with its module unless that is `builtins`."""
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else kind.__module__ + "."
    return module + kind.__qualname__


def encode_output(name: object, value: object) -> bytes:
    """One output in the format of the file: a string as it is, everything else as JSON.

    Raises:
        TypeError, ValueError, RecursionError: JSON or UTF-8 cannot hold it, or it is no name.
    """
    if not (isinstance(name, str) and re.match(r"[A-Za-z_][A-Za-z0-9_-]{0,63}\Z", name)):
        raise ValueError("a name is a letter or _, then letters, digits, _ or -, at most 64")
    text = value if isinstance(value, str) else json.dumps(value, allow_nan=False)
    if "\n" not in text:
        return ("%s=%s\n" % (name, text)).encode("utf-8")
    end = "END_" + os.urandom(16).hex()
    return ("%s<<%s\n%s\n%s\n" % (name, end, text, end)).encode("utf-8")


def append(path: str, data: bytes) -> None:
    """Add to the file, on a line of its own whatever the code itself has written there."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o600), "ab") as file:
        if os.fstat(file.fileno()).st_size:
            file.write(b"\n")
        file.write(data)


def become_main() -> "Dict[str, Any]":
    """The names of a fresh `__main__` that stays until the process ends."""
    main = type(sys)("__main__")
    sys.modules["__main__"] = main
    return main.__dict__


def take_payload(path: str) -> "Dict[str, Any]":
    """What stands in the private file, which is removed."""
    with open(path, "rb", 0) as file:
        text = file.readall().decode("ascii")
    os.unlink(path)
    # at once, without the patterns by which `loads` looks for white space
    payload: Dict[str, Any] = json.JSONDecoder().raw_decode(text)[0]
    return payload


def hide_bootstrap(show: "Callable[..., object]" = sys.__excepthook__) -> None:
    """Have uncaught exceptions shown without the frames of this file."""

    def hook(
        kind: "Type[BaseException]", value: BaseException, trace: "Optional[TracebackType]"
    ) -> None:
        while trace is not None and trace.tb_frame.f_code.co_filename == here:
            trace = trace.tb_next
        show(kind, value.with_traceback(trace), trace)

    here = hook.__code__.co_filename
    sys.excepthook = hook


def run_file(folder: str, rest: "List[str]") -> None:
    """As `python FILE ARG…`, with the workflow's folder before the file's own."""
    from importlib.machinery import SourceFileLoader

    path = rest[0]
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as fault:
        sys.stderr.write("orchestra: cannot read %s: %s\n" % (path, fault.strerror))
        sys.exit(2)
    sys.argv = rest
    own = os.path.dirname(path)
    sys.path[0:0] = [folder] if own == folder else [folder, own]
    hide_bootstrap()
    names = become_main()
    names.update(__file__=path, __loader__=SourceFileLoader("__main__", path))
    exec(compile(source, path, "exec", dont_inherit=True), names)  # noqa: S102 - this is the step


def run_module(folder: str, rest: "List[str]") -> None:
    """As `python -m MODULE ARG…`, by the function that `-m` itself calls."""
    import runpy

    sys.argv = ["-m", *rest[1:]]
    sys.path.insert(0, folder)
    hide_bootstrap()
    become_main()
    runpy._run_module_as_main(rest[0])  # type: ignore[attr-defined]  # run_module cleans up too soon


def run_code(folder: str, rest: "List[str]") -> None:
    """Inline code as `__main__`, with its names and `outputs` to fill."""
    payload = take_payload(rest[0])
    code, filename = payload["code"], "<%s>" % payload["step"]
    sys.argv = ["-c"]
    sys.path.insert(0, folder)
    lines = [line + "\n" for line in code.split("\n")]
    linecache.cache[filename] = (len(code), None, lines, filename)
    hide_bootstrap(traceback.print_exception)  # Python's own finds lines in files alone
    names = become_main()
    names.update(payload["names"], __loader__=sys.__loader__)
    with Outputs(names):
        exec(compile(code, filename, "exec", dont_inherit=True), names)  # noqa: S102 - the step


def run_call(folder: str, rest: "List[str]") -> None:
    """A function with its arguments by name; a mapping that it returns is added to the outputs."""
    payload = take_payload(rest[0])
    call, names, args = payload["call"], payload["names"], payload["args"]
    sys.argv = ["-c"]
    sys.path.insert(0, folder)
    hide_bootstrap()
    become_main()
    with Outputs(names):
        function = find(call)
        result = function(**args, **wanted(function, names, args))
        if isinstance(result, Mapping):
            names["outputs"].update(result)
        elif result is not None:
            about = (call, type_name(result))
            sys.exit("orchestra: %s returned a value of type %s, not a mapping" % about)


def find(call: str) -> "Callable[..., object]":
    """The function that `pkg.mod:name` or `pkg.mod:Class.name` speaks of."""
    module, _, path = call.partition(":")
    __import__(module)
    found: Any = sys.modules[module]
    for name in path.split("."):
        if not hasattr(found, name):
            sys.exit("orchestra: %s: there is no %r in %r" % (call, name, module))
        found = getattr(found, name)
    function: Callable[..., object] = found
    return function


def wanted(
    function: "Callable[..., object]", names: "Dict[str, Any]", args: "Dict[str, Any]"
) -> "Dict[str, Any]":
    """The names a function asks for by parameters without default that `args` leaves out."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some that are written in C do not tell
        return {}
    return {
        p.name: names[p.name]
        for p in parameters
        if p.name in names
        and p.name not in args
        and p.default is p.empty
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }


def load_beside(name: str) -> "Any":
    """The module of that name from beside this file, whatever else is called so."""
    import importlib.util

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py")
    spec = importlib.util.spec_from_file_location("orchestra_" + name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LEAVING = None
if KIND == "serve":
    LEAVING = load_beside("serving").serve(sys.argv[2:], SEEN, load_beside)
    KIND = sys.argv[1]

if KIND:
    run = {"file": run_file, "module": run_module, "code": run_code, "call": run_call}
    try:
        run[KIND](sys.argv[2], sys.argv[3:])
    except BaseException as fault:
        if LEAVING is not None:
            LEAVING.note(fault)
        raise
    if LEAVING is not None:
        LEAVING.end()

"""What the process of a Python step is like, whether an interpreter was started or a server forks.

Each rule is asked of both ways. What a step has to say of itself it writes as JSON; `same` runs it
both ways and gives what the plain way gave, once the other gave the same.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import uuid
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

import pytest

from orchestra.executors.servers import Servers
from orchestra.model.run import AttemptKey, Invocation
from orchestra.steps.python import BOOTSTRAP
from tests.executors.workbench import Workbench

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")

TELL = "import json, os, sys\ndef tell(*them): print(json.dumps(them))\n"


class Left(NamedTuple):
    """How a step ended, and what it wrote."""

    code: Optional[int]
    signal: Optional[str]
    output: str
    outputs: str


class Starts:
    """Starts Python steps in a folder, of which `preload` is None for the plain way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.flow = folder / "flow"
        self.work = folder / "work"
        self.flow.mkdir()
        self.work.mkdir()
        self.notes: List[str] = []
        self.bench = Workbench(uuid.uuid4().hex, folder, on_note=self.notes.append)
        self._count = 0

    @property
    def servers(self) -> Servers:
        return self.bench.executor._servers

    def invocation(
        self,
        key: AttemptKey,
        kind: str,
        *words: str,
        preload: Optional[Tuple[str, ...]] = None,
        env: Mapping[str, str] = {},
    ) -> Invocation:
        variables = {
            "PYTHONUNBUFFERED": "1",
            "ORCHESTRA_OUTPUT": self.output(key),
            "LANG": "C.UTF-8",
            **env,
        }
        argv = (sys.executable, BOOTSTRAP, kind, str(self.flow), *words)
        made = self.bench.invocation(key, *argv, env=variables, working_dir=str(self.work))
        return made._replace(preload=preload)

    def start(self, kind: str, *words: str, **options: Any) -> AttemptKey:
        self._count += 1
        key = AttemptKey("s%d" % self._count, 1)
        if kind in ("code", "call"):
            path = self.folder / ("payload.%d" % self._count)
            path.write_text(words[0])
            words = (str(path),)
        self.bench.executor.submit([(key, self.invocation(key, kind, *words, **options))])
        return key

    def run(self, kind: str, *words: str, **options: Any) -> Left:
        return self.left_by(self.start(kind, *words, **options))

    def left_by(self, key: AttemptKey) -> Left:
        ended = self.bench.end_of(key)
        assert ended.refusal == ""
        output = self._read(self.bench.log_path(key))
        return Left(ended.exit_code, ended.signal, output, self._read(self.output(key)))

    def output(self, key: AttemptKey) -> str:
        return str(self.folder / ("%s.%d.out" % key))

    def _read(self, path: str) -> str:
        return Path(path).read_text() if os.path.exists(path) else ""

    def same(self, kind: str, *words: str, **options: Any) -> Left:
        """What a step leaves, the same both ways; and that both ways were gone."""
        plain = self.run(kind, *words, **options)
        assert not self.servers.pids
        warm = self.run(kind, *words, preload=(), **options)
        assert self.servers.pids
        assert warm == plain
        return warm

    def code(self, text: str, **names: Any) -> Left:
        return self.same("code", code(text, **names))

    def told(self, text: str, **options: Any) -> List[Any]:
        """What code tells by `tell`, the same both ways."""
        left = self.same("code", code(TELL + text), **options)
        assert (left.code, left.signal) == (0, None), left.output
        found: List[Any] = json.loads(left.output)
        return found


def code(text: str, **names: Any) -> str:
    return json.dumps({"step": "example", "names": names, "code": text})


@pytest.fixture
def starts(tmp_path: Path) -> Iterator[Starts]:
    made = Starts(tmp_path)
    yield made
    made.bench.executor.close()
    assert not made.servers.pids


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pass", (0, None)),
        ("raise SystemExit", (0, None)),
        ("raise SystemExit(0)", (0, None)),
        ("raise SystemExit(7)", (7, None)),
        ("raise SystemExit(256 + 9)", (9, None)),
        ("raise SystemExit(-1)", (255, None)),
        ("raise SystemExit(True)", (1, None)),
        ("raise SystemExit('no luck')", (1, None)),
        ("raise SystemExit([1])", (1, None)),
        ("import os; os._exit(5)", (5, None)),
        ("import os; print('a'); os.abort()", (None, "SIGABRT")),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", (None, "SIGTERM")),
        ("raise KeyboardInterrupt", (None, "SIGINT")),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", (None, "SIGINT")),
        ("1/0", (1, None)),
        ("def f():\n  g()\ndef g():\n  raise ValueError('é')\nf()", (1, None)),
        ("try:\n  1/0\nexcept Exception as e:\n  raise OSError(2, 'x') from e", (1, None)),
        ("class E(BaseException): pass\nraise E('x')", (1, None)),
        ("x = (", (1, None)),
        ("import no_such_module_at_all", (1, None)),
        ("import sys\nsys.excepthook = lambda *a: sys.exit(3)\n1/0", (3, None)),
        ("import sys\nsys.excepthook = lambda *a: print('own')\n1/0", (1, None)),
        ("import sys; sys.stdout.close()", (0, None)),
        ("import os; os.close(1); print('x')", (1, None)),
        ("import sys, os; sys.stdout = open(1, 'w'); print('x'); os.close(1)", (120, None)),
        ("import atexit; atexit.register(print, 'bye'); raise SystemExit(4)", (4, None)),
        ("import atexit; atexit.register(int, 'x')", (0, None)),
        ("import traceback; traceback.print_stack()", (0, None)),
        ("import warnings; warnings.warn('careful')", (0, None)),
        ("open('/dev/null')", (0, None)),
        ("class D:\n  def __del__(self): print('gone')\nd = D()", (0, None)),
        ("class D:\n  def __del__(self): print('gone')\nd = D()\nd.me = d", (0, None)),
        ("print('a', end='')", (0, None)),
        ("import sys; sys.stdout.buffer.write(b'\\xff'[:0] + b'raw')", (0, None)),
        ("import threading as t; t.Timer(0.1, print, ['late']).start()", (0, None)),
        (
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=[9], daemon=True).start()",
            (0, None),
        ),
        ("outputs['x'] = 1", (0, None)),
        ("outputs['x'] = {1}", (1, None)),
        ("outputs['x'] = 'a'; 1/0", (1, None)),
    ],
)
def test_a_step_ends_as_it_would(
    starts: Starts, text: str, expected: Tuple[Optional[int], Optional[str]]
) -> None:
    assert starts.code(text)[:2] == expected


@pytest.mark.parametrize(
    "text",
    [
        "tell(__name__, __file__ if '__file__' in dir() else None, sys.argv, params)",
        "tell(sys.orig_argv[:3] if hasattr(sys, 'orig_argv') else 0)",
        "tell(sorted(n for n in dir() if n != 'tell'), sys.path, sys.flags, sys.executable)",
        "tell(os.getcwd(), sys.stdin.read(), sys.dont_write_bytecode)",
        "tell(sorted(each for each in os.environ.items() if each[0][:4] != 'ORCH'))",
        "tell(sorted(os.listdir('/proc/self/fd')))",
        "tell([os.readlink('/proc/self/fd/0'), os.readlink('/proc/self/fd/1')[:5]])",
        "import fcntl; tell([fcntl.fcntl(n, fcntl.F_GETFL) for n in range(3)])",
        "import fcntl; tell([fcntl.fcntl(n, fcntl.F_GETFD) for n in range(3)])",
        "import signal as s; tell([repr(s.getsignal(n)) for n in s.valid_signals()])",
        "import signal as s; tell([list(s.pthread_sigmask(s.SIG_BLOCK, [])), s.getitimer(0)])",
        "me = os.getpid(); tell(os.getsid(0) == me, os.getpgid(0) == me, os.getppid())",
        "mask = os.umask(0); tell(mask)",
        "import resource as r; tell([r.getrlimit(n) for n in range(16)])",
        "tell(os.nice(0), sorted(os.sched_getaffinity(0)), os.getgroups(), os.getuid())",
        "tell([(s.encoding, s.errors, s.line_buffering, s.isatty()) for s in"
        " (sys.stdin, sys.stdout, sys.stderr)], sys.stdout.seekable(), sys.stdout.write_through)",
        "import threading as t; tell(t.active_count(), t.current_thread().name, len(os.listdir("
        "'/proc/self/task')), t.current_thread() is t.main_thread())",
        "import locale; tell(locale.setlocale(0), sys.getfilesystemencoding(), sys.hash_info)",
        "import gc; tell(gc.isenabled(), gc.get_threshold(), sys.getrecursionlimit())",
        "import inspect; tell(len(inspect.stack()), [f.function for f in inspect.stack()])",
        "import ctypes; libc = ctypes.CDLL(None); tell(libc.getpid() == os.getpid(),"
        " libc.gettid() == os.getpid() if hasattr(libc, 'gettid') else True)",
        "import subprocess as s; tell(s.check_output(['sh', '-c', 'echo $0; env | grep -c ."
        "; ls /proc/self/fd | wc -l']).decode())",
        "import subprocess as s; tell(s.run([sys.executable, '-c', 'print(1)'],"
        " stdout=s.PIPE).stdout.decode(), s.call(['false']))",
        "import multiprocessing as m; p = m.get_context('fork').Pool(2);"
        " tell(p.map(abs, [-1, -2])); p.close(); p.join()",
        "import threading as t; found = []; x = t.Thread(target=found.append, args=(1,));"
        " x.start(); x.join(); tell(found)",
        "pid = os.fork()\nif not pid: os._exit(3)\ntell(os.waitpid(pid, 0)[1])",
        "pid = os.fork()\nif not pid: sys.exit(3)\ntell(os.waitpid(pid, 0)[1])",
        "tell(sys.modules['__main__'].__dict__ is globals(), __builtins__ is not None)",
    ],
)
def test_a_step_finds_what_it_would(starts: Starts, text: str) -> None:
    left = starts.same("code", code(TELL + text, params={"a": [1]}), env={"A": "b=c", "É": "x"})
    assert (left.code, left.signal) == (0, None), left.output


def test_marks_stand_in_the_environment_that_others_see(starts: Starts) -> None:
    text = (
        "found = dict(e.partition(b'=')[::2] for e in open('/proc/self/environ', 'rb').read()"
        ".split(b'\\0'))\ntell([found[b'ORCHESTRA_' + n] == os.environb[b'ORCHESTRA_' + n]"
        " for n in (b'RUN_ID', b'STEP', b'ATTEMPT')], b'ORCHESTRA_SERVER' in found)\n"
    )
    assert starts.told(text) == [[True, True, True], False]


def test_its_arguments_stand_where_others_see_them(starts: Starts) -> None:
    told = starts.told("tell(open('/proc/self/cmdline').read().rstrip('\\0').split('\\0')[:4])")
    assert told == [[sys.executable, BOOTSTRAP, "code", str(starts.flow)]]


def test_what_is_written_is_there_though_nobody_closed_it(starts: Starts) -> None:
    text = (
        "import json\njson.kept = open('%s/kept', 'a'); json.kept.write('k')\n"
        "loop = [open('%s/loop', 'a')]; loop.append(loop); loop[0].write('l')\n"
        "open('%s/free', 'a').write('f')\nown = open('%s/own', 'ab'); own.write(b'o')\n"
    ).replace("%s", str(starts.folder))

    assert starts.code(text)[:2] == (0, None)

    names = ("kept", "loop", "free", "own")
    assert [(starts.folder / name).read_text() for name in names] == ["kk", "ll", "ff", "oo"]


def test_what_c_has_buffered_is_written(starts: Starts) -> None:
    assert starts.code("import ctypes; ctypes.CDLL(None).printf(b'from C')").output == "from C"


def test_a_file_runs_with_its_arguments(starts: Starts) -> None:
    (starts.flow / "beside.py").write_text("x = 5\n")
    text = "import sys, beside\nprint(sys.argv, __name__, __file__, beside.x, sys.path[0])\n1/0\n"
    (starts.flow / "main.py").write_text(text)

    left = starts.same("file", str(starts.flow / "main.py"), "a b", "")

    assert left.code == 1
    assert "main.py', 'a b', ''] __main__" in left.output
    assert left.output.endswith("ZeroDivisionError: division by zero\n")


def test_a_missing_file_is_told(starts: Starts) -> None:
    assert starts.same("file", str(starts.flow / "none.py")).code == 2


def test_a_module_runs_as_main(starts: Starts) -> None:
    (starts.flow / "mod.py").write_text("import sys\nprint(__name__, sys.argv, __spec__.name)\n")
    left = starts.same("module", "mod", "x")
    assert (left.code, left.output) == (0, "__main__ %r mod\n" % [str(starts.flow / "mod.py"), "x"])


def test_what_a_call_gives_becomes_outputs(starts: Starts) -> None:
    (starts.flow / "tasks.py").write_text("def f(n, params):\n    return {'n': n + params['k']}\n")
    payload = json.dumps({"names": {"params": {"k": 2}}, "call": "tasks:f", "args": {"n": 40}})
    assert starts.same("call", payload) == (0, None, "", "n=42\n")


def test_processes_of_multiprocessing_are_spawned(starts: Starts) -> None:
    text = (
        "import multiprocessing\ndef double(x): return 2 * x\nif __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(2) as pool:\n"
        "        print(pool.map(double, [1, 2]))\n"
    )
    (starts.flow / "main.py").write_text(text)
    assert starts.same("file", str(starts.flow / "main.py"))[:3] == (0, None, "[2, 4]\n")


def test_chance_is_another_for_each_step(starts: Starts) -> None:
    text = code("import random, os, uuid; print(random.random(), os.urandom(4), uuid.uuid4())")
    options: Dict[str, Any] = {"preload": ("random", "uuid")}
    drawn = {starts.run("code", text, **options).output for _ in range(3)}
    assert (len(drawn), len(starts.servers.pids)) == (3, 1)


SERVED: Callable[[Starts], bool] = lambda starts: bool(starts.servers.pids)  # noqa: E731


@pytest.mark.parametrize(
    ("env", "served"),
    [
        ({}, True),
        ({"X": "1"}, True),
        ({"PYTHONPATH": "/usr/lib/nothing"}, True),
        ({"PYTHONPATH": "lib"}, False),
        ({"PYTHONVERBOSE": "1"}, False),
        ({"PYTHONINSPECT": "1"}, False),
        ({"LD_PRELOAD": "/no/such.so"}, False),
        ({"LD_LIBRARY_PATH": "/usr/lib"}, True),
        ({"PYTHONHASHSEED": "0"}, True),
        ({"ORCHESTRA_STEP": "x" * 2000}, False),
    ],
)
def test_what_must_be_there_at_the_start_decides_the_way(
    starts: Starts, env: Mapping[str, str], served: bool
) -> None:
    starts.run("code", code("pass"), preload=(), env=env)
    assert SERVED(starts) is served


def test_one_server_serves_what_starts_alike_and_at_most_four_are_kept(starts: Starts) -> None:
    text = code("import os; print(os.environ['OMP_NUM_THREADS'])")
    found = [
        starts.run("code", text, preload=(), env={"OMP_NUM_THREADS": number}).output
        for number in "1123456"
    ]
    assert found == [number + "\n" for number in "1123456"]
    assert len(starts.servers.pids) == 4


@pytest.mark.parametrize("name", ["json", "socket", "ctypes", "random"])
def test_a_module_of_the_folder_comes_before_one_that_the_server_has(
    starts: Starts, name: str
) -> None:
    (starts.flow / (name + ".py")).write_text("mine = True\n")
    (starts.flow / "main.py").write_text("import %s\nprint(%s.mine)\n" % (name, name))
    assert starts.same("file", str(starts.flow / "main.py"))[:3] == (0, None, "True\n")


def test_modules_that_lie_about_are_never_imported_by_a_server(starts: Starts) -> None:
    bad = "open(%r, 'w')" % str(starts.folder / "PWNED")
    for folder in (starts.flow, starts.work):
        for name in ("json", "socket", "serving", "mmap", "struct", "decimal", "yaml"):
            (folder / (name + ".py")).write_text(bad)
    assert starts.run("code", code("print(1)"), preload=("decimal",)).output == "1\n"
    assert SERVED(starts)
    assert not (starts.folder / "PWNED").exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1/0", "ZeroDivisionError: division by zero"),
        ("import threading, time\nthreading.Thread(target=time.sleep, args=(60,),"
         " daemon=True).start()", "it keeps a thread running"),
        ("f = open('/dev/null')", "it keeps a file open"),
        ("import subprocess\np = subprocess.Popen(['sleep', '60'])",
         "it keeps a process running"),
        ("import signal\nsignal.signal(signal.SIGUSR1, print)", "it handles signals"),
        ("raise SystemExit('never')", "SystemExit: never"),
        ("import os\nos._exit(0)", "the server ended before it could serve"),
    ],
)  # fmt: skip
def test_a_module_that_cannot_be_preloaded_is_told_once(
    starts: Starts, text: str, why: str
) -> None:
    (starts.folder / "lib").mkdir()
    (starts.folder / "lib" / "odd.py").write_text(text + "\n")
    options: Dict[str, Any] = {
        "preload": ("odd",),
        "env": {"PYTHONPATH": str(starts.folder / "lib")},
    }

    left = [starts.run("code", code("print(1)"), **options)[:3] for _ in range(2)]

    assert left == [(0, None, "1\n")] * 2
    (note,) = starts.notes
    assert note.endswith(why)
    assert starts.bench.executor.faults() == []


def test_what_was_installed_since_is_found(starts: Starts) -> None:
    lib = starts.folder / "lib"
    lib.mkdir()
    options: Dict[str, Any] = {"preload": (), "env": {"PYTHONPATH": str(lib)}}
    starts.run("code", code("pass"), **options)
    (lib / "fresh.py").write_text("x = 1\n")
    assert starts.run("code", code("import fresh; print(fresh.x)"), **options).output == "1\n"


def test_a_server_that_is_killed_harms_no_step(starts: Starts) -> None:
    waits = starts.start(
        "code", code("import time; print('on', flush=True); time.sleep(1)"), preload=()
    )
    starts.bench.wait_for_output(waits, b"on")
    (pid,) = starts.servers.pids
    os.kill(pid, signal.SIGKILL)
    after = starts.run("code", code("print(2)"), preload=())
    assert (after[:3], starts.left_by(waits)[0]) == ((0, None, "2\n"), 0)


def test_a_server_that_is_halted_is_given_up_and_told_of_once(starts: Starts) -> None:
    starts.run("code", code("pass"), preload=())
    (pid,) = starts.servers.pids
    os.kill(pid, signal.SIGSTOP)
    left = [starts.run("code", code("print(2)"), preload=())[:3] for _ in range(2)]
    assert left == [(0, None, "2\n")] * 2
    assert starts.notes == ["Python steps start an interpreter each: it does not answer"]
    assert not starts.servers.pids


def test_what_did_not_begin_is_no_success(starts: Starts) -> None:
    starts.run("code", code("pass"), preload=())
    (server,) = starts.servers._server_by_kind.values()
    unborn = server.fork(starts.invocation(AttemptKey("x", 1), "code", "none"), 2)
    assert unborn is not None
    os.close(unborn.gate)
    _, status = os.waitpid(unborn.pid, 0)
    assert (os.WIFSIGNALED(status), os.WTERMSIG(status)) == (True, signal.SIGKILL)


def test_a_step_is_stopped_with_all_that_it_started(starts: Starts) -> None:
    text = "import subprocess; subprocess.Popen(['sleep', '77'], start_new_session=True);"
    key = starts.start(
        "code", code(text + "print('on', flush=True); input = open('/dev/zero').read()"), preload=()
    )
    starts.bench.wait_for_output(key, b"on")
    starts.bench.executor.stop(key, "SIGKILL")
    assert starts.bench.end_of(key).signal == "SIGKILL"


def test_one_that_waits_for_a_server_can_be_stopped(starts: Starts) -> None:
    key = starts.start("code", code("pass"), preload=())
    starts.bench.executor.stop(key, "SIGTERM")
    assert starts.bench.end_of(key).refusal == "it was stopped before it could start"


@pytest.mark.parametrize("preload", [(), ("decimal",)])
def test_a_thousand_at_once_all_end(starts: Starts, preload: Tuple[str, ...]) -> None:
    texts = [code("raise SystemExit(%d)" % (n % 3)) for n in range(1000)]
    keys = [starts.start("code", text, preload=preload) for text in texts]
    ended = starts.bench.ends_of(keys)
    assert [each.exit_code for each in ended] == [n % 3 for n in range(1000)]
    assert len(starts.servers.pids) == 1

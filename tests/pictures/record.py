"""Records a real run in a real terminal (tmux) as the picture of the README.

python -m tests.pictures.record docs/quickstart.svg
"""

from __future__ import annotations

import io
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
COLUMNS, LINES = 96, 30
PROMPT = "$ "
COMMANDS = (
    "orchestra plan pipeline.yaml",
    "orchestra run pipeline.yaml -p who=Ada",
)


def record() -> str:
    """The screen after the commands, with its colours, as ANSI text."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(EXAMPLES / "quickstart" / "pipeline.yaml", folder)
        socket = folder + "/tmux"
        environ = {
            "PATH": str(Path(sys.executable).parent) + ":/usr/bin:/bin",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "HOME": folder,
            "PS1": PROMPT,
            "HISTFILE": "/dev/null",
        }
        size = ["-x", str(COLUMNS), "-y", str(LINES)]
        _tmux(socket, "new-session", "-d", *size, "-c", folder, *_shell(environ))
        for command in COMMANDS:
            _tmux(socket, "send-keys", command, "Enter")
            time.sleep(5)
        screen = _tmux(socket, "capture-pane", "-e", "-p", "-S", "-100")
        _tmux(socket, "kill-server")
    return screen.rstrip().rsplit("\n", 1)[0]


def _shell(environ: dict) -> list:
    variables = ["%s=%s" % pair for pair in environ.items()]
    return [shlex.join(["env", "-i", *variables, "bash", "--norc", "--noprofile"])]


def _tmux(socket: str, *arguments: str) -> str:
    result = subprocess.run(
        ["tmux", "-S", socket, *arguments], check=True, capture_output=True, text=True
    )
    return result.stdout


def draw(screen: str) -> str:
    """The screen as an SVG."""
    lines = screen.split("\n")
    console = Console(
        record=True, width=COLUMNS, height=len(lines), file=io.StringIO(), force_terminal=True
    )
    for line in lines:
        console.print(Text.from_ansi(line), soft_wrap=True)
    return console.export_svg(title="orchestra")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(record()), encoding="utf-8")

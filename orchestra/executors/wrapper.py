"""The script that starts one attempt on whatever machine an engine picks. Pure: text from values.

It is for any POSIX `sh`; dash and bash are tested. What it needs besides is `mkdir`, `cat`, `date`,
`uname`, `mv`, and `grep` to end what a step leaves behind.
"""

from __future__ import annotations

import re
import signal
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from orchestra.model.errand import ELSEWHERE
from orchestra.model.run import Invocation

REFUSED_SECOND = 75
"""The exit code of a start of what has been started before. Source: EX_TEMPFAIL of sysexits.h."""

_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_SHELLS_OWN = re.compile(
    rb"SHELLOPTS|BASHOPTS|BASHPID|BASH_(?:VERSINFO|ARG[CV]|LINENO|SOURCE|SUBSHELL|COMMAND)|UID|EUID"
    rb"|PPID|GROUPS|DIRSTACK|FUNCNAME|LINENO|S?RANDOM|SECONDS|EPOCH.*|HISTCMD|OPTIND|_|o_.*"
)
"""Variables that a shell does not let be set, or hands on with a value of its own."""

_DEVICES = b"CUDA_VISIBLE_DEVICES"

_HANDLED = ("HUP", "INT", "QUIT", "USR1", "USR2", "TERM")
"""What ends the step and not the script, when all processes of the attempt are sent it."""

# Its own variables begin with `o_`; what the step's environment holds is set in a subshell alone.
#
# A pipe, not the file itself: `echo x >/dev/stderr` would open that again and cut it. It is held
# for reading and writing while both ends are opened, so that neither open waits.
#
# Only a shell's own message tells that a child died of a signal: 137 may be an exit code as well.
# There is none for SIGINT and SIGPIPE. 130 is what a person causes, 141 what `pipefail` makes.
#
# In the end record stands the node by the name that its engine has for it.
#
# Whoever leads a group or a session has its number. What is left of it when the step has ended is
# the step's, but for the children of this script. It is ended as it is on the machine of orchestra:
# at once, or after a stop by whoever ends the grace period. Where there is no /proc it is not seen.
#
# The trap of EXIT is for dash; bash just ends with 126 or 127 when `exec` fails.
_HEAD = rb"""# Starts an attempt of a step, once, and writes down how it ended. Made by orchestra.
o_folder=%(folder)s
PATH=${PATH-}:/bin:/usr/bin
umask %(umask)s
o_got= o_drain=
%(traps)s
if ! mkdir "$o_folder/claim" 2>/dev/null; then
  if [ -d "$o_folder/claim" ]; then exit %(second)d; fi
  echo "orchestra: cannot write in $o_folder" >&2
  exit 74
fi
o_node=$(uname -n)
o_began=$(date +%%s.%%N)
IFS= read -r o_stat 2>/dev/null </proc/$$/stat || o_stat=
printf '%%s\n' "$o_node" "$$" "$o_began" "$o_stat" . >"$o_folder/claim/by"
o_refuse() {
  printf '%%s' "$1" >"$o_folder/refused"
  trap - EXIT
  exit 127
}
o_look() {
  if [ -d "$1" ]; then echo "it is a directory, not a program"
  elif [ ! -e "$1" ]; then echo "no such file"
  elif [ ! -x "$1" ]; then echo "no permission to execute it"
  fi
}
o_seek() {
  case $1 in
  */*)
    o_why=$(o_look "$1")
    if [ -n "$o_why" ]; then printf '%%s: %%s' "$1" "$o_why"; fi
    return ;;
  esac
  o_name=$1 o_why= IFS=:
  set -f
  for o_place in ${PATH-/bin:/usr/bin}; do
    o_found=$(o_look "${o_place:-.}/$o_name")
    if [ -z "$o_found" ]; then return; fi
    if [ -z "$o_why" ] && [ -e "${o_place:-.}/$o_name" ]; then
      o_why="${o_place:-.}/$o_name: $o_found"
    fi
  done
  printf '%%s' "${o_why:-$o_name: no such program in PATH (${PATH-/bin:/usr/bin})}"
}
o_others() {
  o_left=$(grep -h -E "^[0-9]+ .*\) [^ZX] [0-9]+ ($$ [0-9]+|[0-9]+ $$) " /proc/[0-9]*/stat)
  set -f
  IFS='
'
  set -- $o_left
  unset IFS
  set +f
  o_left=
  for o_line in "$@"; do
    o_parent=${o_line##*) ? }
    case "${o_line%%%% *} ${o_parent%%%% *} " in
    "$$ "* | *" $$ " | *" $o_drain ") ;;
    *) o_left="$o_left ${o_line%%%% *}" ;;
    esac
  done
  [ -n "$o_left" ]
}
o_failed() {
  if [ "$1" = 127 ]; then o_refuse "$2: the interpreter that it names is missing"; fi
  o_refuse "$2: this machine cannot run it, its log may say why"
}
if [ -p "$o_folder/pipe" ]; then
  exec 3<>"$o_folder/pipe" 4<"$o_folder/pipe" 5>"$o_folder/pipe" 3>&-
  (
    trap '' %(handled)s
    cat >>"$o_folder/output" || cat >/dev/null
    : >"$o_folder/drained"
  ) <&4 >/dev/null 2>&1 4<&- 5>&- &
  o_drain=$!
  exec 4<&-
else
  exec 5>>"$o_folder/output"
  : >"$o_folder/drained"
fi
o_code=
if [ -z "$o_got" ]; then
  {
    (
"""

_TAIL = rb"""      trap 'o_failed $? "$1"' EXIT
      exec %(dashes)s"$@"
    ) </dev/null >&5 2>&1 5>&-
    o_code=$?
  } 2>"$o_folder/said"
fi
exec 5>&-
o_ended=$(date +%%s.%%N)
o_wait() {
  o_tries=0
  while [ ! -e "$o_folder/drained" ] && [ $o_tries -lt 100 ]; do
    o_tries=$((o_tries + 1))
    sleep 0.02
  done
}
{
  o_rounds=0
  while [ -n "$o_got" ] && [ $o_rounds -lt 3000 ] && o_others; do
    o_rounds=$((o_rounds + 1))
    sleep 0.1
  done
  o_wait
  o_rounds=0
  while [ $o_rounds -lt 50 ] && o_others; do
    o_rounds=$((o_rounds + 1))
    kill -s KILL $o_left
    sleep 0.02
  done
  if [ $o_rounds -gt 0 ]; then o_wait; fi
} 2>/dev/null
if [ -e "$o_folder/refused" ]; then o_how=refused
elif [ -z "$o_code" ]; then o_how="signal $o_got" o_code=$((128 + o_got))
elif [ "$o_code" -gt 256 ]; then o_how="signal $((o_code - 256))"
elif [ "$o_code" -gt 128 ] && { [ -s "$o_folder/said" ] || [ "$o_code" -eq 130 ]; }; then
  o_how="signal $((o_code - 128))"
else o_how="exit $o_code"
fi
{
  printf '%%s\n' "$o_how" "$o_began" "$o_ended" "${SLURMD_NODENAME:-$o_node}"
  times
  if [ -e "$o_folder/refused" ]; then cat "$o_folder/refused"; fi
} >"$o_folder/end.new" && mv -f "$o_folder/end.new" "$o_folder/end"
exit "$o_code"
"""


def start_script(folder: str, invocation: Invocation, umask: int) -> bytes:
    """What `sh` runs for an attempt whose errand folder is at `folder`, absolute.

    It changes to the working directory, exports all of the environment that a shell can export over
    the one that it finds, and becomes the first of `argv` and `fallback` that is there. Where GPUs
    are asked for, those count that the engine gave.
    """
    handled = " ".join(_HANDLED)
    head = _HEAD % {
        b"folder": quoted(folder.encode("utf-8", "surrogateescape")),
        b"umask": b"%04o" % umask,
        b"second": REFUSED_SECOND,
        b"traps": b"\n".join(_trap(name) for name in _HANDLED),
        b"handled": handled.encode(),
    }
    has_devices = invocation.errand is not None and invocation.errand.gpus > 0
    left_out = (_DEVICES,) if has_devices else ()
    directory = invocation.working_dir.encode("utf-8", "surrogateescape")
    env = {**invocation.env, ELSEWHERE: invocation.env.get(b"ORCHESTRA_RUN_ID", b"")}
    lines = [
        *_enter(directory),
        b"unset OLDPWD",
        *_exports(env, left_out),
        *_choice(invocation.argv, invocation.fallback),
    ]
    body = b"".join(b"      %s\n" % line for line in lines)
    first = invocation.argv[0].startswith(b"-")
    return head + body + _TAIL % {b"dashes": b"-- " if first else b""}


def quoted(value: bytes) -> bytes:
    """The value as one word of a shell, whatever is in it."""
    return b"'" + value.replace(b"'", b"'\\''") + b"'"


def _trap(name: str) -> bytes:
    return b"trap 'o_got=%d' %s" % (getattr(signal, "SIG" + name), name.encode())


def _enter(directory: bytes) -> List[bytes]:
    """Lines that go to the working directory, or say why they cannot, as the kernel would."""
    word = quoted(directory)
    # `cd` takes `-` for the directory before, and looks for relative ones in CDPATH
    path = word if directory.startswith(b"/") else b"./" + word
    told = quoted(b"working_dir %s: " % directory)
    return [
        b"if ! CDPATH= cd %s 2>/dev/null; then" % path,
        b'  if [ ! -e %s ]; then o_refuse %s"No such file or directory"' % (path, told),
        b'  elif [ ! -d %s ]; then o_refuse %s"Not a directory"' % (path, told),
        b'  else o_refuse %s"Permission denied"' % told,
        b"  fi",
        b"fi",
    ]


def _exports(env: Mapping[bytes, bytes], left_out: Sequence[bytes]) -> List[bytes]:
    kept: Dict[bytes, bytes] = {
        name: value
        for name, value in env.items()
        if name not in left_out and _NAME.fullmatch(name) and not _SHELLS_OWN.fullmatch(name)
    }
    # a shell may complain of a locale that its machine does not have
    return [b"{"] + [b"export %s=%s" % (n, quoted(v)) for n, v in kept.items()] + [b"} 2>/dev/null"]


def _choice(argv: Tuple[bytes, ...], fallback: Optional[Tuple[bytes, ...]]) -> List[bytes]:
    """Lines that leave what is to be started in the positional parameters."""
    lines = [b"set -- " + b" ".join(map(quoted, argv)), b'o_why=$(o_seek "$1")']
    if fallback is not None:
        words = b" ".join(map(quoted, fallback))
        lines.append(b'if [ -n "$o_why" ]; then set -- %s; o_why=$(o_seek "$1"); fi' % words)
    lines.append(b'if [ -n "$o_why" ]; then o_refuse "$o_why"; fi')
    return lines

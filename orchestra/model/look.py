"""How a run looks to a person: a mark, a word and a tone for each state. Pure, writes nothing."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Dict, Mapping, NamedTuple, Tuple

from orchestra.model.errand import IN_FLIGHT_PREFIX
from orchestra.model.screen_text import safe_line
from orchestra.model.units import Amounts, format_amount

if TYPE_CHECKING:
    from orchestra.model.run import RunState, StepState

RESET = "\x1b[0m"


class Tone(Enum):
    """What a piece of text is to the reader; the value is the terminal's code for its colour."""

    PLAIN = ""
    STRONG = "1"
    QUIET = "2"
    GOOD = "32"
    BAD = "31"
    WARN = "33"
    BUSY = "36"


_MARKS: Dict[str, Tuple[str, str, Tone]] = {
    "pending": ("·", ".", Tone.QUIET),
    "ready": ("·", ".", Tone.QUIET),
    "queued": ("◌", ":", Tone.BUSY),
    "running": ("●", ">", Tone.BUSY),
    "waiting_retry": ("↻", "@", Tone.WARN),
    "succeeded": ("✓", "+", Tone.GOOD),
    "failed": ("✗", "x", Tone.BAD),
    "skipped": ("○", "-", Tone.QUIET),
    "cached": ("=", "=", Tone.QUIET),
    "blocked": ("⊘", "/", Tone.WARN),
    "cancelled": ("■", "#", Tone.WARN),
    "allowed_failure": ("!", "!", Tone.WARN),
    "recovered": ("↺", "~", Tone.WARN),
}

"""By the value of a state: nobody who only wants a colour should import runs, 18 ms."""

_RUN_TONES: Dict[str, Tone] = {
    "running": Tone.BUSY,
    "succeeded": Tone.GOOD,
    "failed": Tone.BAD,
    "cancelled": Tone.WARN,
    "skipped": Tone.QUIET,
}


class Look(NamedTuple):
    """What the screen can show: `color` by escape sequences, `unicode` signs beyond ASCII."""

    color: bool = False
    unicode: bool = True

    def paint(self, text: str, tone: Tone) -> str:
        """The text in that tone; unchanged where there is no colour."""
        if not self.color or tone is Tone.PLAIN or not text:
            return text
        return "\x1b[%sm%s%s" % (tone.value, text, RESET)

    def mark(self, state: StepState) -> str:
        """The one-cell sign of a state."""
        signs = _MARKS[state]
        return signs[0] if self.unicode else signs[1]

    @property
    def ellipsis(self) -> str:
        """Stands for what was left out."""
        return "…" if self.unicode else "~"

    @property
    def rail(self) -> str:
        """Stands before each line of a step's output."""
        return "│" if self.unicode else "|"

    @property
    def dot(self) -> str:
        """Stands between facts on one line."""
        return "·" if self.unicode else "|"


def state_tone(state: StepState) -> Tone:
    """The tone of a step's state."""
    return _MARKS[state][2]


def run_tone(state: RunState) -> Tone:
    """The tone of a run's state."""
    return _RUN_TONES[state]


def state_word(state: str) -> str:
    """The state, or its value, as people read it: `allowed failure`."""
    return state.replace("_", " ")


def step_label(step: str, name: str) -> str:
    """The step's id, safe to show, with its display name behind where it has another one."""
    if not name or name == step:
        return safe_line(step)
    return "%s (%s)" % (safe_line(step), safe_line(name))


def count_words(counts: Mapping[StepState, int], *states: StepState) -> Tuple[str, ...]:
    """`("12 succeeded", "1 failed")`: the states, in the order given, that any step is in."""
    return tuple("%d %s" % (counts[s], state_word(s)) for s in states if counts.get(s))


def resource_label(name: str) -> str:
    """A resource of the budget, safe to show; `on slurm` for the steps that are under way there."""
    if name.startswith(IN_FLIGHT_PREFIX):
        name = "on " + name[len(IN_FLIGHT_PREFIX) :]
    return safe_line(name)


def amounts_text(amounts: Amounts, separator: str = ", ") -> str:
    """For people: `cpu 4, memory 16 GiB`; empty for nothing. What is in flight is none."""
    return separator.join(
        "%s %s" % (safe_line(name), format_amount(name, n))
        for name, n in amounts.items()
        if not name.startswith(IN_FLIGHT_PREFIX)
    )

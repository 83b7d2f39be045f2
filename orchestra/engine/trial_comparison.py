"""What was expected of a run beside what came of it. Pure."""

from __future__ import annotations

from typing import (
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from orchestra.engine.trial import Played
from orchestra.model.events import AttemptStarted, StepEnded, StepsAdded
from orchestra.model.expression import Value
from orchestra.model.json_text import json_text
from orchestra.model.record import RunRecord, StepRecord
from orchestra.model.run import plain_id
from orchestra.model.scenario import ANY, Expectation, Fact, Spellings, fits

_SAME_S = 1e-4  # times are sums of floats
_SHOWN = 5
_DONE = ("succeeded", "cached")
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))


class Difference(NamedTuple):
    """Something that came otherwise: in words what was wanted and what came, and whose story it is.

    `steps` are ids of the record.
    """

    expectation: Expectation
    about: str
    wanted: str
    came: str
    steps: Tuple[str, ...] = ()


class SentAlert(NamedTuple):
    """An alert that would be sent: the name of the entry, empty for none, and what it tells of."""

    entry: str
    when: str


def differences(
    expected: Sequence[Expectation], played: Played, alerts: Sequence[SentAlert]
) -> List[Difference]:
    """All that came otherwise, in the order of the expectations."""
    return _Comparison(played, alerts).all(expected)


class _Comparison:
    """One run, as far as it is asked about."""

    def __init__(self, played: Played, alerts: Sequence[SentAlert]) -> None:
        self._played = played
        self._record = played.record
        self._alerts = alerts
        self._spellings = Spellings()
        self._ids_by_spelling: Dict[str, List[str]] = {}
        self._instances: Dict[str, int] = {}
        for step in self._record.step_by_id.values():
            is_instance = step.role.value == "instance"
            self._spellings.add(step.id, step.owner, is_instance)
            if is_instance:
                self._instances[step.owner] = self._instances.get(step.owner, 0) + 1
            for spelling in {*self._spellings.of(step.id), plain_id(step.id)}:
                self._ids_by_spelling.setdefault(spelling, []).append(step.id)
        self._began: Dict[str, int] = {}
        self._ended: Dict[str, int] = {}
        self._ways: Mapping[Fact, Callable[[Expectation], Optional[Difference]]] = {
            Fact.STATE: self._state,
            Fact.EXIT_CODE: self._exit_code,
            Fact.ELAPSED: self._elapsed,
            Fact.OUTPUTS: self._outputs,
            Fact.ALERTS: self._alerts_sent,
            Fact.ORDER: self._order,
        }

    def all(self, expected: Sequence[Expectation]) -> List[Difference]:
        found: List[Difference] = []
        for each in expected:
            if each.step:
                found += self._of_steps(each)
            else:
                difference = self._ways[each.fact](each)
                found += [] if difference is None else [difference]
        return found

    # The run

    def _state(self, expected: Expectation) -> Optional[Difference]:
        came = self._record.state.value
        if came == expected.wanted:
            return None
        if self._record.reason:
            came += ", " + self._record.reason
        return Difference(expected, "state", str(expected.wanted), came, self._guilty())

    def _exit_code(self, expected: Expectation) -> Optional[Difference]:
        code = self._record.exit_code
        if code == expected.wanted:
            return None
        came = "none" if code is None else "%d" % code
        return Difference(expected, "exit code", str(expected.wanted), came, self._guilty())

    def _guilty(self) -> Tuple[str, ...]:
        steps = self._record.step_by_id.values()
        return tuple(step.id for step in steps if step.is_root_of_failure)[:_SHOWN]

    def _elapsed(self, expected: Expectation) -> Optional[Difference]:
        came = self._record.elapsed_s or 0.0
        if _is_same_time(expected.wanted, came):
            return None
        steps = [step for step in self._record.step_by_id.values() if step.attempts]
        last = max(steps, key=lambda step: step.ended_at or 0.0, default=None)
        wanted = duration_words(_number(expected.wanted))
        guilty = () if last is None else (last.id,)
        return Difference(expected, "elapsed", wanted, duration_words(came), guilty)

    def _outputs(self, expected: Expectation) -> Optional[Difference]:
        name, wanted = _pair(expected.wanted)
        about = "output `%s`" % name
        if self._played.outputs is None:
            came = self._played.fault or "none: the workflow %s" % self._record.state.value
            return Difference(expected, about, json_text(wanted), came, self._guilty())
        came_value = self._played.outputs.get(name)
        if same(wanted, came_value):
            return None
        return Difference(expected, about, json_text(wanted), json_text(came_value))

    def _alerts_sent(self, expected: Expectation) -> Optional[Difference]:
        if isinstance(expected.wanted, dict):
            entry, whens = _pair(expected.wanted)
            came = [alert.when for alert in self._alerts if alert.entry == entry]
            about = "alerts of `%s`" % entry
        else:
            whens, came = expected.wanted, [alert.when for alert in self._alerts]
            about = "alerts"
        wanted = [str(when) for when in whens] if isinstance(whens, list) else []
        if sorted(wanted) == sorted(came):
            return None
        return Difference(expected, about, _listed(wanted), _listed(came))

    def _order(self, expected: Expectation) -> Optional[Difference]:
        first, second = expected.wanted if isinstance(expected.wanted, list) else ("", "")
        self._look_at_times()
        one, other = self._ids(first), self._ids(second)
        ends = {id: self._ended.get(id) for id in one}
        begins = {id: self._began.get(id) for id in other}
        about, wanted = "order", "%s before %s" % (first, second)
        steps = (*one[:_SHOWN], *other[:_SHOWN])
        late = [id for id in one if ends[id] is None or id not in self._began]
        late += [id for id in other if begins[id] is None]
        if late or not one or not other:
            who = late[0] if late else (second if one else first)
            return Difference(expected, about, wanted, "`%s` never started" % who, steps)
        last = max(one, key=lambda id: ends[id] or 0)
        early = min(other, key=lambda id: begins[id] or 0)
        if (ends[last] or 0) < (begins[early] or 0):
            return None
        came = "`%s` started before `%s` had ended" % (early, last)
        return Difference(expected, about, wanted, came, (last, early))

    def _look_at_times(self) -> None:
        """Where in the record each step begins and ends; what has parts begins with them."""
        if self._ended:
            return
        for envelope in self._played.envelopes:
            event = envelope.event
            if type(event) is AttemptStarted:
                self._began.setdefault(event.step, envelope.seq)
            elif type(event) is StepsAdded:
                for entry in event.steps:
                    if entry.role in ("instance", "inner"):
                        self._began.setdefault(entry.owner, envelope.seq)
            elif type(event) is StepEnded:
                self._ended[event.step] = envelope.seq
                if event.state in _DONE:  # a gate, or cached: it had no attempt
                    self._began.setdefault(event.step, envelope.seq)

    # Steps

    def _ids(self, key: str) -> Sequence[str]:
        """The ids of the record that a key means; an id means itself, not its instances."""
        if key in self._record.step_by_id:
            return (key,)
        if key in self._ids_by_spelling:
            return self._ids_by_spelling[key]
        if ANY not in key:
            return ()
        return [id for id in self._record.step_by_id if fits(key, self._spellings.of(id))]

    def _of_steps(self, expected: Expectation) -> List[Difference]:
        ids = self._ids(expected.step)
        if not ids:
            return [] if expected.wanted == 0 else [self._absent(expected)]
        found = []
        for id in ids:
            came = self._of_step(expected, self._record.step_by_id[id])
            if came is not None:
                about = "`%s` %s" % (id, _about(expected))
                found.append(Difference(expected, about, _wanted(expected), came, (id,)))
        return found

    def _absent(self, expected: Expectation) -> Difference:
        owner = expected.step.rpartition(":")[0] or expected.step.rpartition("/")[0]
        steps = tuple(self._ids(owner)[:1]) if owner else ()
        about = "`%s` %s" % (expected.step, _about(expected))
        return Difference(expected, about, _wanted(expected), "the run never came to it", steps)

    def _of_step(self, expected: Expectation, step: StepRecord) -> Optional[str]:
        """What came instead, None where it came as expected."""
        fact, wanted = expected.fact, expected.wanted
        if fact is Fact.STEP_STATE:
            is_right = isinstance(wanted, list) and step.state.value in wanted
            return None if is_right else _state_words(step)
        if fact is Fact.REASON:
            return None if str(wanted) in step.reason else step.reason or "no reason"
        if fact is Fact.STEP_OUTPUTS:
            name, value = _pair(wanted)
            came = dict(step.outputs).get(name)
            return None if same(value, came) else json_text(came)
        if fact in (Fact.STARTED_AT, Fact.ENDED_AT):
            moment = _time_of(step, fact, self._record)
            if moment is None:
                return "never: it %s" % _state_words(step)
            return None if _is_same_time(wanted, moment) else duration_words(moment)
        count = len(step.attempts)
        if fact is Fact.INSTANCES:
            count = self._instances.get(step.id, 0)
        return None if count == wanted else str(count)


def same(one: Value, other: Value) -> bool:
    """Whether two values are the same data: a bool is no number, 2 is 2.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def duration_words(seconds: float) -> str:
    """Seconds as they are written in a workflow, to the millisecond: `1h5m`, `2.5s`, `0s`."""
    rest = round(seconds, 3)
    words = ""
    for size, unit in _UNITS:
        count = int(rest // size)
        if count:
            words += "%d%s" % (count, unit)
            rest = round(rest - count * size, 3)
    if rest or not words:
        words += ("%.3f" % rest).rstrip("0").rstrip(".") + "s"
    return words


def _about(expected: Expectation) -> str:
    if expected.fact is Fact.STEP_OUTPUTS:
        return "output `%s`" % _pair(expected.wanted)[0]
    word: str = expected.fact.value
    return word.replace("step ", "").replace("_", " ")


def _wanted(expected: Expectation) -> str:
    if expected.fact is Fact.STEP_OUTPUTS:
        return json_text(_pair(expected.wanted)[1])
    if expected.fact is Fact.STEP_STATE and isinstance(expected.wanted, list):
        return " or ".join(map(str, expected.wanted))
    if expected.fact in (Fact.STARTED_AT, Fact.ENDED_AT):
        return duration_words(_number(expected.wanted))
    return str(expected.wanted)


def _state_words(step: StepRecord) -> str:
    return "%s, %s" % (step.state.value, step.reason) if step.reason else step.state.value


def _time_of(step: StepRecord, fact: Fact, record: RunRecord) -> Optional[float]:
    """Seconds from the start of the run; a step without an attempt ends, and never starts."""
    moment = step.ended_at
    if fact is Fact.STARTED_AT:
        moment = step.attempts[0].started_at if step.attempts else step.began_at
    return None if moment is None else moment - record.started_at


def _is_same_time(wanted: Value, came: float) -> bool:
    return abs(_number(wanted) - came) < _SAME_S


def _number(value: Value) -> float:
    return value if isinstance(value, (int, float)) else 0.0


def _pair(value: Value) -> Tuple[str, Value]:
    """The one name and its value of a mapping."""
    if not isinstance(value, Mapping):
        return "", None
    name = next(iter(value))
    one: Value = value[name]
    return str(name), one


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words) or "none"

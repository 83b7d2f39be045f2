"""The functions an expression may call: their names, parameters, and the call itself. Pure."""

from __future__ import annotations

from typing import Any, Callable, FrozenSet, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra.model.expression import library
from orchestra.model.expression.values import ExpressionError, Kind, Meter, Value, kind_of, work_of

Kinds = Tuple[Kind, ...]

_ANY: Kinds = tuple(Kind)
_TEXT: Kinds = (Kind.TEXT,)
_NUMBER: Kinds = (Kind.NUMBER,)
_LIST: Kinds = (Kind.LIST,)
_SIZED: Kinds = (Kind.TEXT, Kind.LIST, Kind.MAPPING)


class Function(NamedTuple):
    """What is known of a function before it is called.

    `parameters` are names with the kinds they take; the first `required` must be given; `many`:
    the last may be given more than once. `call` is None where the evaluation itself or a `Scope`
    knows what to do.
    """

    name: str
    parameters: Tuple[Tuple[str, Kinds], ...]
    required: int
    many: bool
    call: Optional[Callable[..., Value]]

    @property
    def signature(self) -> str:
        """The call as messages show it: `split(text, separator?)`, `format(template, value…)`."""
        words = [
            name + ("" if place < self.required else "?")
            for place, (name, _) in enumerate(self.parameters)
        ]
        if self.many:
            words[-1] = words[-1].rstrip("?") + "…"
        return "%s(%s)" % (self.name, ", ".join(words))

    def takes(self, count: int) -> bool:
        """May it be called with so many arguments."""
        return count >= self.required and (self.many or count <= len(self.parameters))


def check_arguments(function: Function, arguments: Sequence[Value]) -> None:
    """Do nothing if each argument is of a kind that its parameter takes.

    Raises:
        ExpressionError: one is not.
    """
    last = len(function.parameters) - 1
    for place, argument in enumerate(arguments):
        name, kinds = function.parameters[min(place, last)]
        kind = kind_of(argument)
        if kind not in kinds:
            raise ExpressionError(
                "`%s` in %s is %s, not %s" % (name, function.signature, _or(kinds), kind.value),
                hint="use default(x, …) where it may be null" if kind is Kind.NULL else "",
            )


def _or(kinds: Kinds) -> str:
    *others, last = [kind.value for kind in kinds]
    return "%s or %s" % (", ".join(others), last) if others else last


def call_pure(function: Function, arguments: Sequence[Value], meter: Meter) -> Value:
    """What a pure function gives back for arguments of the right number.

    Raises:
        ExpressionError: an argument is of a wrong kind, or there is no such result.
    """
    assert function.call is not None
    check_arguments(function, arguments)
    if function.name in _ONLY_LOOK:
        return function.call(meter, *arguments)
    meter.take(sum(map(work_of, arguments)))
    value = function.call(meter, *arguments)
    meter.take(work_of(value))
    return value


def _function(
    call: Optional[Callable[..., Value]],
    name: str,
    required: Optional[int] = None,
    many: bool = False,
    **kinds_by_parameter: Any,
) -> Function:
    parameters = tuple(kinds_by_parameter.items())
    return Function(name, parameters, len(parameters) if required is None else required, many, call)


_PURE = (
    _function(library.contains, "contains", container=_SIZED, item=_ANY),
    _function(library.starts_with, "starts_with", text=_TEXT, start=_TEXT),
    _function(library.ends_with, "ends_with", text=_TEXT, end=_TEXT),
    _function(library.join, "join", list=_LIST, separator=_TEXT),
    _function(library.split, "split", 1, text=_TEXT, separator=_TEXT),
    _function(library.replace, "replace", text=_TEXT, old=_TEXT, new=_TEXT),
    _function(library.lower, "lower", text=_TEXT),
    _function(library.upper, "upper", text=_TEXT),
    _function(library.trim, "trim", text=_TEXT),
    _function(library.fill_places, "format", 1, True, template=_TEXT, value=_ANY),
    _function(library.json_text, "to_json", value=_ANY),
    _function(library.from_json, "from_json", text=_TEXT),
    _function(library.stem, "stem", path=_TEXT),
    _function(library.basename, "basename", path=_TEXT),
    _function(library.dirname, "dirname", path=_TEXT),
    _function(library.length, "len", value=_SIZED),
    _function(library.least, "min", many=True, value=_ANY),
    _function(library.greatest, "max", many=True, value=_ANY),
    _function(library.total, "sum", list=_LIST),
    _function(library.in_order, "sorted", list=_LIST),
    _function(library.whole_numbers, "range", 1, start=_NUMBER, stop=_NUMBER, step=_NUMBER),
    _function(None, "default", value=_ANY, otherwise=_ANY),
    _function(library.date_add, "date_add", date=_TEXT, days=_NUMBER),
    _function(library.date_range, "date_range", first=_TEXT, last=_TEXT),
)
_ONLY_LOOK = frozenset({"len", "starts_with", "ends_with"})
_STATUS = tuple(_function(None, name) for name in ("success", "failure", "always", "cancelled"))
_FILES = tuple(_function(None, name, many=True, pattern=_TEXT) for name in ("hash_files", "glob"))

PURE_FUNCTIONS: FrozenSet[str] = frozenset(function.name for function in _PURE)
"""Functions that depend on their arguments only."""

STATUS_FUNCTIONS: FrozenSet[str] = frozenset(function.name for function in _STATUS)
"""Functions that ask how the steps above ended; a scope brings them, in `if` only."""

FILE_FUNCTIONS: FrozenSet[str] = frozenset(function.name for function in _FILES)
"""Functions that read files; a scope brings them where files may be read."""

FUNCTIONS: Mapping[str, Function] = {
    function.name: function for function in (*_PURE, *_STATUS, *_FILES)
}
"""Every function by its name."""

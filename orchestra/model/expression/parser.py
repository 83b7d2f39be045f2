"""The grammar of expressions: tokens to a tree. Pure; depth and number of nodes are bounded.

Precedence climbing: `_LEVEL_BY_KIND` ranks the operators as Python does, and each run of
operators of one rank becomes one node, so that depth is bounded by brackets and ranks alone.
"""

from __future__ import annotations

from typing import List, Mapping, NoReturn, Set, Tuple, Union

from orchestra.model.expression.functions import FUNCTIONS
from orchestra.model.expression.hints import (
    HINT_BY_SIGN,
    HINT_BY_WORD,
    hint_for_call,
    hint_for_method,
)
from orchestra.model.expression.nodes import (
    Arithmetic,
    Call,
    Choice,
    Comparison,
    DictOf,
    Expression,
    Key,
    ListOf,
    Literal,
    Logic,
    Lookup,
    Name,
    Negative,
    Node,
    Not,
    Reference,
)
from orchestra.model.expression.tokens import OPEN, Token, tokenize, tokenize_closed
from orchestra.model.expression.values import ExpressionError, shown

MAX_NESTING = 64
"""Brackets and operators of different rank inside each other."""

MAX_NODES = 10_000
"""Operands in one expression."""

_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _UNARY = range(1, 8)
_LEVEL_BY_KIND: Mapping[str, int] = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), _COMPARISON),
    "+": _SUM,
    "-": _SUM,
    **dict.fromkeys(("*", "/", "//", "%"), _PRODUCT),
}
_CONSTANTS: Mapping[str, Union[bool, None]] = {"true": True, "false": False, "null": None}
_CONSTANTS_OF_PYTHON = frozenset({"True", "False", "None"})


def parse(source: str) -> Expression:
    """The expression that a source is, with or without `${{ }}` around it.

    Raises:
        ExpressionError: it is none; the first fault, with its offset and what would do.
    """
    bare = source.lstrip()
    if not bare.startswith(OPEN):
        return _build(source, 0, tokenize(source))
    start = len(source) - len(bare) + len(OPEN)
    expression, end = parse_closed(source, start)
    rest = source[end:]
    if rest.strip():
        raise ExpressionError(
            "text after the end of the expression",
            end + len(rest) - len(rest.lstrip()),
            "put all of it into one ${{ }}",
        )
    return expression


def parse_closed(text: str, start: int) -> Tuple[Expression, int]:
    """The expression after the `${{` that ends at `start`, and where its `}}` ends.

    Raises:
        ExpressionError: as `parse`, or there is no `}}`.
    """
    tokens, end = tokenize_closed(text, start)
    return _build(text, start, tokens), end


def _build(text: str, start: int, tokens: List[Token]) -> Expression:
    parser = _Parser(tokens)
    root = parser.whole()
    inner = text[start : tokens[-1].offset]
    return Expression(
        inner.strip(),
        root,
        tuple(sorted(parser.references, key=_offset)),
        frozenset(parser.functions),
        tokens[0].offset,
    )


def _offset(reference: Reference) -> int:
    return reference.offset


class _Parser:
    """Walks over tokens once, from left to right; `kind` is that of the token it stands at.

    The `end` token is never taken, so that there is always one to stand at.
    """

    def __init__(self, tokens: List[Token]) -> None:
        self.tokens = tokens
        self.place = 0
        self.kind = tokens[0].kind
        self.depth = 0
        self.nodes = 0
        self.references: List[Reference] = []
        self.functions: Set[str] = set()

    def take(self) -> Token:
        token = self.tokens[self.place]
        self.place += 1
        self.kind = self.tokens[self.place].kind
        return token

    def expect(self, kind: str, hint: str = "") -> Token:
        if self.kind != kind:
            self.refuse(hint)
        return self.take()

    def refuse(self, hint: str = "") -> NoReturn:
        """Raise the error for the token it stands at, which cannot stand there."""
        kind, word, offset = self.tokens[self.place]
        if kind == "end":
            message = (
                "there is no expression" if self.place == 0 else "the expression ends too soon"
            )
            raise ExpressionError(message, offset, hint)
        if kind == "name":
            hint = HINT_BY_WORD.get(str(word), hint)
        hint = hint or HINT_BY_SIGN.get(kind, "") or self.hint_for_minus()
        what = "the quoted text" if kind == "text" else shown(str(word))
        raise ExpressionError("%s cannot stand here" % what, offset, hint)

    def hint_for_minus(self) -> str:
        kind, word, _ = self.tokens[self.place - 1]
        if kind == "key" and str(word).endswith("-"):
            return "a minus needs a space before it"
        return ""

    def whole(self) -> Node:
        node = self.expression()
        if self.kind != "end":
            self.refuse()
        return node

    def expression(self) -> Node:
        """Any expression: `a if c else b`, or what stands in its places."""
        value = self.operation(_OR)
        if self.kind != "if":
            return value
        branches = []
        while self.kind == "if":
            self.take()
            offset = self.tokens[self.place].offset
            condition = self.operation(_OR)
            self.expect("else", "write a if condition else b")
            branches.append((condition, offset, value))
            value = self.operation(_OR)
        return Choice(tuple(branches), value)

    def operation(self, lowest: int) -> Node:
        """Operands joined by operators of at least the lowest rank."""
        self.nodes += 1
        self.depth += 1
        if self.nodes > MAX_NODES or self.depth > MAX_NESTING:
            self.refuse_size()
        start = self.tokens[self.place].offset
        node = self.operand(lowest)
        while True:
            level = self.level()
            if level < lowest:
                self.depth -= 1
                return node
            node = self.chain(node, start, level)

    def refuse_size(self) -> NoReturn:
        offset = self.tokens[self.place].offset
        if self.nodes > MAX_NODES:
            raise ExpressionError("the expression has more than %d operands" % MAX_NODES, offset)
        raise ExpressionError("the expression is nested deeper than %d" % MAX_NESTING, offset)

    def level(self) -> int:
        """The rank of the operator it stands at, 0 where it stands at none."""
        if self.kind == "not" and self.tokens[self.place + 1].kind == "in":
            return _COMPARISON
        return _LEVEL_BY_KIND.get(self.kind, 0)

    def operand(self, lowest: int) -> Node:
        """What stands between operators: a value, with `not` or `-` before it."""
        if self.kind == "not":
            if lowest > _NOT:
                self.refuse("put it into brackets: (not a)")
            self.take()
            offset = self.tokens[self.place].offset
            return Not(self.operation(_NOT), offset)
        if self.kind == "-":
            offset = self.take().offset
            return _negative(self.operation(_UNARY), offset)
        return self.value()

    def chain(self, first: Node, start: int, level: int) -> Node:
        """The first operand and all that follow it with operators of one rank."""
        if level <= _AND:
            return self.logic(first, start, level)
        rest = []
        while self.level() == level:
            sign = self.take()
            word = sign.kind
            if word == "not":
                self.take()
                word = "not in"
            rest.append((word, self.operation(level + 1), sign.offset))
        if level == _COMPARISON:
            return Comparison(first, tuple(rest))
        return Arithmetic(first, tuple(rest))

    def logic(self, first: Node, start: int, level: int) -> Node:
        word = self.kind
        operands = [(first, start)]
        while self.kind == word:
            self.take()
            start = self.tokens[self.place].offset
            operands.append((self.operation(level + 1), start))
        return Logic(word, tuple(operands))

    def value(self) -> Node:
        """An atom with the keys looked up in it."""
        in_brackets = self.kind == "("
        base = self.atom()
        keys: List[Key] = []
        while self.kind in ("key", "[", "("):
            if self.kind == "(":
                self.refuse_call()
            keys.append(self.index() if self.kind == "[" else self.key())
        if isinstance(base, Name) and not in_brackets:
            self.references.append(_reference(base, keys))
        return Lookup(base, tuple(keys)) if keys else base

    def key(self) -> Key:
        token = self.take()
        return str(token.value), token.offset

    def index(self) -> Key:
        offset = self.take().offset
        node = self.expression()
        self.expect("]")
        if isinstance(node, Literal) and type(node.value) in (str, int):
            return node.value, offset  # type: ignore[return-value]  # a str or an int
        return node, offset

    def refuse_call(self) -> NoReturn:
        before = self.tokens[self.place - 1]
        if before.kind == "key":
            self.refuse(hint_for_method(str(before.value), FUNCTIONS))
        self.refuse("only the name of a function can be called")

    def atom(self) -> Node:
        kind, word, offset = self.tokens[self.place]
        if kind == "name" and word not in _CONSTANTS_OF_PYTHON:
            self.take()
            return self.call(str(word), offset) if self.kind == "(" else Name(str(word), offset)
        if kind in ("number", "text"):
            self.take()
            return Literal(word)
        if kind in _CONSTANTS:
            self.take()
            return Literal(_CONSTANTS[kind])
        if kind == "(":
            return self.group()
        if kind == "[":
            return ListOf(self.items("]"))
        if kind == "{":
            return self.dictionary()
        return self.refuse()

    def group(self) -> Node:
        self.take()
        node = self.expression()
        self.expect(")", "a list is written [a, b]" if self.kind == "," else "")
        return node

    def items(self, closing: str) -> Tuple[Node, ...]:
        """What stands between brackets, with commas between and perhaps one at the end."""
        self.take()
        items = []
        while self.kind != closing:
            items.append(self.expression())
            if self.kind != ",":
                break
            self.take()
        self.expect(closing)
        return tuple(items)

    def dictionary(self) -> Node:
        self.take()
        entries = []
        while self.kind != "}":
            offset = self.tokens[self.place].offset
            key = self.expression()
            self.expect(":", "a mapping is written {'key': value}")
            entries.append((key, self.expression(), offset))
            if self.kind != ",":
                break
            self.take()
        self.expect("}")
        return DictOf(tuple(entries))

    def call(self, name: str, offset: int) -> Node:
        function = FUNCTIONS.get(name)
        if function is None:
            raise ExpressionError(
                "there is no function %s" % shown(name), offset, hint_for_call(name, FUNCTIONS)
            )
        arguments = self.items(")")
        if not function.takes(len(arguments)):
            count = "%d argument%s" % (len(arguments), "" if len(arguments) == 1 else "s")
            raise ExpressionError(
                "`%s` is called with %s" % (name, count), offset, "write " + function.signature
            )
        self.functions.add(name)
        return Call(name, arguments, offset)


def _negative(operand: Node, offset: int) -> Node:
    if isinstance(operand, Literal):
        value = operand.value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return Literal(-value)
    return Negative(operand, offset)


def _reference(name: Name, keys: List[Key]) -> Reference:
    path: List[Union[str, int]] = [name.name]
    for key, _ in keys:
        if not isinstance(key, (str, int)):
            break
        path.append(key)
    return Reference(tuple(path), name.offset)

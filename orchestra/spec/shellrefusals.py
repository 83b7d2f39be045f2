"""Why a value may not stand at a place of a shell script, and what to write instead. Data only."""

from __future__ import annotations

from typing import NamedTuple

_VARIABLE = 'put it into a variable on a line before: v=${{ … }}, and write "$v" here'


class Refusal(NamedTuple):
    """A place where no value may stand; `suggestion` is what to write instead."""

    code: str
    message: str
    suggestion: str


ARITHMETIC = Refusal(
    "shell-arithmetic",
    "a value cannot stand in shell arithmetic, which runs what it finds in a subscript",
    "calculate in the expression itself, outside the arithmetic: ${{ … + 1 }}",
)
SUBSCRIPT = Refusal(
    "shell-arithmetic",
    "a value cannot stand in a subscript, which the shell evaluates as arithmetic",
    "choose the element in the expression itself: ${{ list[index] }}",
)
SUBSTRING = Refusal(
    "shell-arithmetic",
    "a value cannot stand in ${x:offset:length}, which the shell evaluates as arithmetic",
    "cut the text in the expression itself, or with cut or sed",
)
COMPARISON = Refusal(
    "shell-arithmetic",
    "a value cannot be compared as a number in [[ ]], which evaluates it as arithmetic",
    "use [ … -eq … ], or compare in the expression itself",
)
INTEGER = Refusal(
    "shell-arithmetic",
    "this variable is an integer or a reference (declare -i, -n, or the shell's own): what is "
    "assigned to it is evaluated",
    "assign to a plain variable",
)
REPARSED = Refusal(
    "shell-arithmetic",
    "declare reads a text that is assigned to an array once more, as code",
    "write name=(${{ … }}) for an array, or use a name that is no array",
)
ASSIGNED_NAME = Refusal(
    "shell-name",
    "a value cannot be the name that is assigned to",
    "write the name out, or hand NAME=VALUE to env: env ${{ … }}=value command",
)
NAME = Refusal(
    "shell-name",
    "a value cannot be the name of a variable or function, in which the shell runs subscripts",
    "write the name out",
)
EVALUATED = Refusal(
    "shell-name",
    "the shell itself runs what this variable holds",
    "use another variable, or `env` of the step for a value of your own",
)
FORMAT = Refusal(
    "shell-format",
    "a value cannot be the format of printf: it may be the option -v, which runs subscripts",
    "write printf '%s' ${{ … }}",
)
TEST_OPERATOR = Refusal(
    "shell-test",
    "a value may be read as an operator of test here, and -v runs subscripts",
    'write each comparison out: [ ${{ … }} = "x" ], joined with && and ||',
)
BRACES = Refusal(
    "shell-expansion",
    "a value cannot stand in {…} here, which may become several words",
    "write the words out one after the other",
)
BUILTIN = Refusal(
    "shell-builtin",
    "a value cannot be handed to this builtin, which changes how the shell reads the script",
    "write the word out",
)
BACKQUOTES = Refusal(
    "shell-backquotes",
    "a value cannot stand in backquotes, whose text is read twice",
    "write $(…) in place of `…`",
)
QUOTED_HEREDOC = Refusal(
    "shell-quoted-heredoc",
    "nothing is expanded in a here-document whose delimiter is quoted",
    "take the quotes off the delimiter, and write \\$ for each $ that should stay",
)
HEREDOC_DELIMITER = Refusal(
    "shell-quoted-heredoc",
    "a value cannot be the delimiter of a here-document",
    "write the delimiter out",
)
ANSI_C = Refusal(
    "shell-quotes",
    "a value cannot stand in $'…', where nothing is expanded",
    "end the quotes before it: $'…'${{ … }}",
)
TRANSLATED = Refusal(
    "shell-quotes",
    'a value cannot stand in $"…", which the shell translates',
    'write "…" without the $ before it',
)
QUOTES_IN_BRACES = Refusal(
    "shell-quotes",
    'a value cannot stand in quotes inside "${…}", which shells read in different ways',
    _VARIABLE,
)
BACKSLASH = Refusal(
    "shell-backslash",
    "a value cannot follow a backslash",
    "take the backslash away; a literal ${{ is written $${{",
)
PATTERN_IN_BRACES = Refusal(
    "shell-expansion",
    "a value cannot stand in this kind of ${…}, where it may be read as a pattern",
    _VARIABLE,
)
DESCRIPTOR = Refusal(
    "shell-redirection",
    "a value cannot follow >& or <&, where bash expands it a second time",
    "write > ${{ … }} 2>&1 for a file",
)
COMMENT_LINES = Refusal(
    "shell-comment",
    "an expression of several lines cannot stand in a comment, which ends with its first line",
    "write it on one line, or delete it",
)
PATTERN_GROUP = Refusal(
    "shell-expansion",
    "a value cannot stand in the parentheses of a pattern",
    _VARIABLE,
)
CUSTOM_SHELL = Refusal(
    "shell-expression",
    "an expression cannot stand in `run` for a shell other than sh and bash",
    "give the value a name under `env`, and read that variable in the script",
)
NUL = Refusal("shell-nul", "a script cannot hold a NUL character", "delete it")


def unsure(reason: str, line: int, bash_reads: bool = False) -> Refusal:
    """The scanner cannot tell what this place is, because of what stands on `line` (from 1)."""
    return Refusal(
        "shell-unsure",
        "it cannot be told how the shell reads this place: %s (line %d of the script)"
        % (reason, line),
        "write shell: bash for this step" if bash_reads else _VARIABLE,
    )

"""Where values may stand in scripts, where not, and how each is handed over. No shell is run."""

from __future__ import annotations

import time

import pytest

from orchestra.errors import Problem
from orchestra.model.workflow import Slot, Splice
from orchestra.spec.shelllexer import ShellLexer
from orchestra.spec.shellreader import VALUE, Lost
from orchestra.spec.shellscan import ScanResult, scan

_LETTERS = {Splice.WORDS: "*", Splice.WORD: "W", Splice.DOUBLE: "D", Splice.SINGLE: "S"}


def marked(result: ScanResult) -> str:
    """The script with `«D»` for a value inside double quotes and so on, see `_LETTERS`."""
    return "".join(
        "«%s»" % _LETTERS[piece.splice] if isinstance(piece, Slot) else piece
        for piece in result.pieces
    )


def values(text: str) -> str:
    """The script with an expression for each `§`."""
    return text.replace("§", "${{ params.v }}")


ACCEPTED_EVERYWHERE = [
    # words
    ("echo §", "echo «*»"),
    ("§ a", "«*» a"),
    ("echo a§b", "echo a«W»b"),
    ("echo §§", "echo «W»«W»"),
    ("echo §\\\n  b", "echo «*»\\\n  b"),
    ("x=1 §", "x=1 «*»"),
    ("x=1 time §", "x=1 time «*»"),
    ('"x"=1 read §', '"x"=1 read «*»'),
    ("! §", "! «*»"),
    ("if §; then §; else §; fi", "if «*»; then «*»; else «*»; fi"),
    ("while §; do §; done", "while «*»; do «*»; done"),
    ("{ §; }", "{ «*»; }"),
    ("( § )", "( «*» )"),
    ("a | § && § || § & §", "a | «*» && «*» || «*» & «*»"),
    ("f() { echo §; }; f §", "f() { echo «*»; }; f «*»"),
    ("for x in § a§; do echo §; done", "for x in «*» a«W»; do echo «*»; done"),
    ("for x in a\ndo §\ndone", "for x in a\ndo «*»\ndone"),
    ("for x do echo §; done", "for x do echo «*»; done"),
    ("set -- §", "set -- «*»"),
    ("$x test § §", "$x test «*» «*»"),
    ("make NAME=§ §=1", "make NAME=«W» «W»=1"),
    ("echo ~§ *§ {a,§} -§", "echo ~«W» *«W» {a,«W»} -«W»"),
    ("./§/x=1", "./«W»/x=1"),
    # assignments and redirections
    ("x=§", "x=«W»"),
    ("x=a§b y=§ z", "x=a«W»b y=«W» z"),
    ("PATH=§:$PATH a", "PATH=«W»:$PATH a"),
    ("export X=§", "export X=«W»"),
    ('export "X=§"', 'export "X=«D»"'),
    ("readonly X=§", "readonly X=«W»"),
    ("f() { local x=§; }", "f() { local x=«W»; }"),
    ("a > § 2>> § < §", "a > «W» 2>> «W» < «W»"),
    ("> § a", "> «W» a"),
    ("a >| § <> § 2>&1 >&2 <&- §", "a >| «W» <> «W» 2>&1 >&2 <&- «*»"),
    ("echo §>f", "echo «*»>f"),
    # case
    ("case § in §) §;; a§|b) §;; esac", "case «W» in «W») «*»;; a«W»|b) «*»;; esac"),
    ("case x in (§) §\nesac; §", "case x in («W») «*»\nesac; «*»"),
    ("case x in\n# c\na) ;;\nesac\n§", "case x in\n# c\na) ;;\nesac\n«*»"),
    ("case x in esac; §", "case x in esac; «*»"),
    ("case x in(a) §;; esac", "case x in(a) «*»;; esac"),
    ("echo esac case in §", "echo esac case in «*»"),
    # quotes
    ('echo "§" "a § b"', 'echo "«D»" "a «D» b"'),
    ("echo '§' 'a § b'", "echo '«S»' 'a «S» b'"),
    ("echo '\\§' '$(§)' '#§'", "echo '\\«S»' '$(«S»)' '#«S»'"),
    ('echo "it\'s §"', 'echo "it\'s «D»"'),
    ("echo 'say \"§\"'", "echo 'say \"«S»\"'"),
    ("echo \\\\§ \\\"§ \\'§", "echo \\\\«W» \\\"«W» \\'«W»"),
    ('echo "\\\\§" "\\"§"', 'echo "\\\\«D»" "\\"«D»"'),
    ("echo 'a\nb §' §", "echo 'a\nb «S»' «*»"),
    # expansions
    ("echo $x§ $1§ $#§ $$ $?§", "echo $x«W» $1«W» $#«W» $$ $?«W»"),
    ("echo ${x}§ ${#x} ${#} ${##} §", "echo ${x}«W» ${#x} ${#} ${##} «*»"),
    ("echo ${x:-§} ${x-a§} ${x:+§}", "echo ${x:-«W»} ${x-a«W»} ${x:+«W»}"),
    ("echo ${x:=§} ${x?§}", "echo ${x:=«W»} ${x?«W»}"),
    ("echo ${x:-\"§\"} ${x:-'§'}", "echo ${x:-\"«D»\"} ${x:-'«S»'}"),
    ('echo "${x:-§}" "${x+a §}"', 'echo "${x:-«D»}" "${x+a «D»}"'),
    ("echo ${x#§} ${x##*§} ${x%§} ${x%%§*}", "echo ${x#«W»} ${x##*«W»} ${x%«W»} ${x%%«W»*}"),
    ("echo ${x:-${y:-§}} §", "echo ${x:-${y:-«W»}} «*»"),
    ('echo "${x#"${x%%[! ]*}"}" §', 'echo "${x#"${x%%[! ]*}"}" «*»'),
    ("echo $(§) $(echo §)", "echo $(«*») $(echo «*»)"),
    ('echo "$(echo "§")" "$(echo §)"', 'echo "$(echo "«D»")" "$(echo «*»)"'),
    ("echo $(echo $(echo '§'))", "echo $(echo $(echo '«S»'))"),
    ("x=$(case § in (a) §;; b) §;; esac)", "x=$(case «W» in (a) «*»;; b) «*»;; esac)"),
    ('echo "${x:-$(echo §)}"', 'echo "${x:-$(echo «*»)}"'),
    ("echo $((1 + (2))) §", "echo $((1 + (2))) «*»"),
    ("echo `date \\`x\\`` §", "echo `date \\`x\\`` «*»"),
    # here-documents
    ("cat <<E\n§ \"§\" '§'\nE\n§", "cat <<E\n«D» \"«D»\" '«D»'\nE\n«*»"),
    ("cat <<-E\n\t§\n\tE\n§", "cat <<-E\n\t«D»\n\tE\n«*»"),
    ("cat <<E | sort §\n§\nE", "cat <<E | sort «*»\n«D»\nE"),
    ("cat <<A <<B §\n§\nA\n§\nB\n§", "cat <<A <<B «*»\n«D»\nA\n«D»\nB\n«*»"),
    ("cat <<E\n${x:-§} $(echo §) \\\\§\nE", "cat <<E\n${x:-«D»} $(echo «*») \\\\«D»\nE"),
    ("cat <<'E'\n$( ` \" '\nE\necho §", "cat <<'E'\n$( ` \" '\nE\necho «*»"),
    ("cat <<\\E\n$(\nE\n§", "cat <<\\E\n$(\nE\n«*»"),
    ('cat <<"E"F\n$(\nEF\n§', 'cat <<"E"F\n$(\nEF\n«*»'),
    ("x=$(cat <<E\n§\nE\n) y", "x=$(cat <<E\n«D»\nE\n) y"),
    ("{ cat <<E; }\n§\nE\n§", "{ cat <<E; }\n«D»\nE\n«*»"),
    ("if cat <<E; then\n§\nE\n§\nfi", "if cat <<E; then\n«D»\nE\n«*»\nfi"),
    ("cat <<E # §\n§\nE", "cat <<E # ${{ params.v }}\n«D»\nE"),
    ("cat <<E\na\\\nE\n§\nE\n§", "cat <<E\na\\\nE\n«D»\nE\n«*»"),
    ("cat <<E\r\n§\r\nE\r\n§", "cat <<E\r\n«D»\r\nE\r\n«*»"),
    # comments
    ("echo a # § ' \" ` $( \necho §", "echo a # ${{ params.v }} ' \" ` $( \necho «*»"),
    ("echo a;#§ '\necho §", "echo a;#${{ params.v }} '\necho «*»"),
    ("#§\\\n§", "#${{ params.v }}\\\n«*»"),
    ("echo a#§ ''#§", "echo a#«W» ''#«W»"),
    ("a $(( $(b # §\n) ))", "a $(( $(b # ${{ params.v }}\n) ))"),
    ("x=$(a # § )\n) §", "x=$(a # ${{ params.v }} )\n) «*»"),
    # test
    ("[ § ] && [ -n § ] && [ ! -f § ]", "[ «W» ] && [ -n «W» ] && [ ! -f «W» ]"),
    ("[ § = § ] && [ a != § ]", "[ «W» = «W» ] && [ a != «W» ]"),
    ("test § -eq 1 -a § = x", "test «W» -eq 1 -a «W» = x"),
    ("test x§ y§", "test x«W» y«W»"),
    # printf
    ("printf '%s' §", "printf '%s' «*»"),
    ("printf -- §", "printf -- «*»"),
    ("printf a§ §", "printf a«W» «*»"),
    # line continuations and carriage returns
    ("ec\\\nho §", "ec\\\nho «*»"),
    ("ca\\\nse x in §) ;; esac", "ca\\\nse x in «W») ;; esac"),
    ("echo §\r\necho §", "echo «W»\r\necho «*»"),
]

ACCEPTED_IN_BASH = [
    ("a=(§ x§ [1]=§)", "a=(«*» x«W» [1]=«W»)"),
    ("a+=(§ # §\n §\n)", "a+=(«*» # ${{ params.v }}\n «*»\n)"),
    ("a[0]=§", "a[0]=«W»"),
    ("declare -a a=(§)", "declare -a a=(«*»)"),
    ("declare x=§; declare -rx y=§", "declare x=«W»; declare -rx y=«W»"),
    ("declare -i n=1; m=§", "declare -i n=1; m=«W»"),
    ("[[ § == § && -n § ]]", "[[ «W» == «W» && -n «W» ]]"),
    ("[[ $x == a*§ || ( § < b ) ]]", "[[ $x == a*«W» || ( «W» < b ) ]]"),
    ("[[ $x =~ ^§$ ]] && §", "[[ $x =~ ^«W»$ ]] && «*»"),
    ("[[ $x =~ (a|b)[[:space:]] ]] && §", "[[ $x =~ (a|b)[[:space:]] ]] && «*»"),
    ("[[ $x == @(a|b) ]] && §", "[[ $x == @(a|b) ]] && «*»"),
    ("[[ a\n&& b ]]; §", "[[ a\n&& b ]]; «*»"),
    ("cat <<< §", "cat <<< «W»"),
    ("cat <<< 'a §' &> § &>> §", "cat <<< 'a «S»' &> «W» &>> «W»"),
    ("diff <(echo §) >(cat §)", "diff <(echo «*») >(cat «*»)"),
    ("exec {fd}> §", "exec {fd}> «W»"),
    ("((x = 1 << 2)); §", "((x = 1 << 2)); «*»"),
    ("for ((i = 0; i < 3; i++)); do §; done", "for ((i = 0; i < 3; i++)); do «*»; done"),
    ("select x in §; do §; done", "select x in «*»; do «*»; done"),
    ("function f { §; }", "function f { «*»; }"),
    ("function f() { §; }", "function f() { «*»; }"),
    ("time -p §", "time -p «*»"),
    ("case x in a) §;;& b) §;& esac", "case x in a) «*»;;& b) «*»;& esac"),
    ("case x in +([0-9])) §;; esac", "case x in +([0-9])) «*»;; esac"),
    ("rm !(a|b) §", "rm !(a|b) «*»"),
    ("rm @(a|*(b|c)'('\\)\")\") §", "rm @(a|*(b|c)'('\\)\")\") «*»"),
    ("[[ $x =~ ^a|§$ ]]", "[[ $x =~ ^a|«W»$ ]]"),
    ("echo $'it\\'s' §", "echo $'it\\'s' «*»"),
    ("echo ${a[1]} ${a[x]:-§} ${m['k']} §", "echo ${a[1]} ${a[x]:-«W»} ${m['k']} «*»"),
    ("echo ${x/a/b} ${x:1:2} ${x^^} ${!x} §", "echo ${x/a/b} ${x:1:2} ${x^^} ${!x} «*»"),
    ("echo \"${x//'/'/_}\" §", "echo \"${x//'/'/_}\" «*»"),
    ("a |& §", "a |& «*»"),
]

REFUSED_EVERYWHERE = [
    ("echo $((§))", "shell-arithmetic"),
    ("echo $(( $(echo §) ))", "shell-arithmetic"),
    ('echo $(("§"))', "shell-arithmetic"),
    ("echo ${x:§} ", "shell-arithmetic"),
    ("let §", "shell-arithmetic"),
    ("OPTIND=§", "shell-arithmetic"),
    ("§=1", "shell-name"),
    ("a§=1", "shell-name"),
    ('"§"=1', "shell-name"),
    ("for § in a; do b; done", "shell-name"),
    ("§() { a; }", "shell-name"),
    ("echo ${§}", "shell-name"),
    ("echo ${x§}", "shell-name"),
    ("echo ${!§}", "shell-name"),
    ("read §", "shell-name"),
    ("read -r x §", "shell-name"),
    ("\\read §", "shell-name"),
    ("command read §", "shell-name"),
    ("x=1 're'ad §", "shell-name"),
    ("unset §", "shell-name"),
    ("unset -v $(echo §)", "shell-name"),
    ("export §", "shell-name"),
    ("export §=1", "shell-name"),
    ('export "§"', "shell-name"),
    ("readonly §", "shell-name"),
    ("local §", "shell-name"),
    ("getopts ab §", "shell-name"),
    ("wait §", "shell-name"),
    ("printf -v § x", "shell-name"),
    ("test -v §", "shell-name"),
    ("[ -v x§ ]", "shell-name"),
    ("PS4=§", "shell-name"),
    ("export BASH_ENV=§", "shell-name"),
    ("printf §", "shell-format"),
    ('printf "§\\n" x', "shell-format"),
    ("printf $x §", "shell-format"),
    ("printf -v x § y", "shell-format"),
    ("printf -v x -v y §", "shell-format"),
    ("$x printf § x", "shell-format"),
    ("§ $x printf § x", "shell-format"),
    ("[ § § ]", "shell-test"),
    ("[ a § b ]", "shell-test"),
    ("[ $x § ]", "shell-test"),
    ("test -§ a", "shell-test"),
    ("{printf,§,x}", "shell-expansion"),
    ("[ {a,§} ]", "shell-expansion"),
    ("printf {§,x}", "shell-format"),
    ("shopt -s §", "shell-builtin"),
    ("cat <<'E'\n§\nE", "shell-quoted-heredoc"),
    ("cat <<\\E\n§\nE", "shell-quoted-heredoc"),
    ('cat <<-"E"\n§\n\tE', "shell-quoted-heredoc"),
    ("cat <<§\nx\n", "shell-quoted-heredoc"),
    ("echo `§`", "shell-backquotes"),
    ('echo "`echo §`"', "shell-backquotes"),
    ("cat <<E\n`§`\nE", "shell-backquotes"),
    ("echo $'§'", "shell-quotes"),
    ('echo $"§"', "shell-quotes"),
    ("echo \"${x:-'§'}\"", "shell-quotes"),
    ('echo "${x:-"§"}"', "shell-quotes"),
    ("echo \\§", "shell-backslash"),
    ('echo "\\§"', "shell-backslash"),
    ("cat <<E\n\\§\nE", "shell-backslash"),
    ('echo "${x#§}"', "shell-expansion"),
    ("echo ${x/§/a}", "shell-expansion"),
    ("echo ${x^§}", "shell-expansion"),
    ("echo a >&§", "shell-redirection"),
    ("echo a 2>& §", "shell-redirection"),
    ("cat <&§", "shell-redirection"),
]

REFUSED_IN_BASH = [
    ("((§))", "shell-arithmetic"),
    ("(( x = § ))", "shell-arithmetic"),
    ("echo $[§]", "shell-arithmetic"),
    ("for ((i = §;;)); do a; done", "shell-arithmetic"),
    ("a[§]=1", "shell-arithmetic"),
    ("a[ x + § ]=1", "shell-arithmetic"),
    ("a=([§]=1)", "shell-arithmetic"),
    ("echo ${a[$x§]}", "shell-arithmetic"),
    ("echo ${x:1:§}", "shell-arithmetic"),
    ("[[ § -eq 1 ]]", "shell-arithmetic"),
    ("[[ 1 -lt a§ ]]", "shell-arithmetic"),
    ("[[ $(echo §) -ge 1 ]]", "shell-arithmetic"),
    ("[[ -v § ]]", "shell-name"),
    ("declare -i n=§", "shell-arithmetic"),
    ("declare -ri n=§", "shell-arithmetic"),
    ("declare -i n; n=§", "shell-arithmetic"),
    ("n+=§; declare -i n", "shell-arithmetic"),
    ("declare -i n; for n in §; do a; done", "shell-arithmetic"),
    ("declare -i n; : ${n:=§}", "shell-arithmetic"),
    ("declare -i n; printf -v n %s §", "shell-arithmetic"),
    ("declare -i n; n=(§)", "shell-arithmetic"),
    ("declare -ia n=(§)", "shell-arithmetic"),
    ("declare -i $x; n=§", "shell-arithmetic"),
    ("declare $flags n=§", "shell-arithmetic"),
    ("declare -n r=§", "shell-arithmetic"),
    ("declare -n r; r=§", "shell-arithmetic"),
    ("declare -a a=§", "shell-arithmetic"),
    ("a=(1); declare a=§", "shell-arithmetic"),
    ("declare a=§; read -a a", "shell-arithmetic"),
    ('declare "a=(§)"', "shell-arithmetic"),
    ("declare a[0]=§", "shell-arithmetic"),
    ("declare GROUPS=§", "shell-arithmetic"),
    ("declare §", "shell-name"),
    ("declare §=1", "shell-name"),
    ("mapfile §", "shell-name"),
    ("function § { a; }", "shell-name"),
    ("compgen -W §", "shell-builtin"),
    ("[[ a == @(b|§) ]]", "shell-expansion"),
    ("[[ a =~ (b|§) ]]", "shell-expansion"),
]

UNSURE_EVERYWHERE = [
    "echo '§",
    'echo "§',
    "echo $(§",
    "echo ${x:-§",
    "( §",
    "echo ) §",
    "echo a;; §",
    "case x in a) §",
    "case x §",
    "cat <<E\n§\n",
    "echo <<E; §",
    "cat <<$x\n§\n$x",
    "echo $(cat <<E)\n§\nE",
    "cat <<E; echo 'a\nb'\n§\nE",
    "cat <<E; echo $(a\nb)\n§\nE",
    "cat <<E\n\\\nE\n§\nE",
    'cat <<E\n${x:-"§"}\nE',
    "echo (§)",
    "alias e='echo \"'\ne §",
    "command alias e=§",
    "echo ${ §; }",
    "echo $((1) | §)",
    "echo \"${x:-'}'}\" §",
    'echo "${x:-it\'s} §"',
    ">f case § in a) b;; esac",
    "x=1 if §",
    "echo § `a",
    "echo $(( 'x y z' 'it\\'s' ) §",
    "f(a) { §; }",
    "case x in (esac) §;; esac",
    "case x in a b) §;; esac",
    "case x in ; §",
    "> ; §",
    "$(" * 60 + "§" + ")" * 60,
]

UNSURE_IN_BASH = [
    "!(§)",
    "coproc §",
    "coproc a { §; }",
    "a 2>(§)",
    "BASH_ALIASES[a]=§",
    "a § @(b",
    "echo ${x:-<(a)} §",
]

UNSURE_IN_SH = [
    "((1)); §",
    "[[ a ]] && §",
    "echo $'it\\'s' §",
    "echo $[1] §",
    "cat <<< §",
    "diff <(§)",
    "a=(§)",
    "function f { §; }",
    "select x in §; do a; done",
    "for ((;;)); do §; done",
    "coproc §",
    "echo ${a[1]} §",
]


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize(("text", "expected"), ACCEPTED_EVERYWHERE)
def test_a_value_is_handed_over_as_its_place_needs_it(text: str, expected: str, shell: str) -> None:
    result = scan(values(text), shell)

    assert (marked(result), result.problems) == (expected, ())


@pytest.mark.parametrize(("text", "expected"), ACCEPTED_IN_BASH)
def test_bash_has_further_places_for_values(text: str, expected: str) -> None:
    result = scan(values(text), "bash")

    assert (marked(result), result.problems) == (expected, ())


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize(("text", "code"), REFUSED_EVERYWHERE)
def test_a_place_that_runs_or_loses_a_value_is_refused(text: str, code: str, shell: str) -> None:
    assert {problem.code for problem in scan(values(text), shell).problems} == {code}


@pytest.mark.parametrize(("text", "code"), REFUSED_IN_BASH)
def test_a_place_in_which_bash_runs_a_value_is_refused(text: str, code: str) -> None:
    assert {problem.code for problem in scan(values(text), "bash").problems} == {code}


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("text", UNSURE_EVERYWHERE)
def test_a_place_that_cannot_be_told_for_sure_is_refused(text: str, shell: str) -> None:
    assert {problem.code for problem in scan(values(text), shell).problems} == {"shell-unsure"}


@pytest.mark.parametrize("text", UNSURE_IN_BASH)
def test_a_place_that_bash_may_read_in_two_ways_is_refused(text: str) -> None:
    assert {problem.code for problem in scan(values(text), "bash").problems} == {"shell-unsure"}


@pytest.mark.parametrize("text", UNSURE_IN_SH)
def test_a_place_that_not_every_sh_reads_alike_is_refused_in_sh(text: str) -> None:
    assert {problem.code for problem in scan(values(text), "sh").problems} == {"shell-unsure"}


def test_an_array_that_bash_itself_keeps_is_not_assigned_to_by_declare() -> None:
    result = scan("declare DIRSTACK=${{ params.v }}", "bash")

    assert [problem.code for problem in result.problems] == ["shell-arithmetic"]


def test_a_problem_says_where_it_is_and_what_to_write_instead() -> None:
    result = scan("echo ${{ params.a }}\ncat <<'E'\n${{ params.b }}\nE", "bash")

    assert result.problems == (
        Problem(
            (),
            "shell-quoted-heredoc",
            "nothing is expanded in a here-document whose delimiter is quoted",
            "take the quotes off the delimiter, and write \\$ for each $ that should stay",
            offset=31,
        ),
    )


def test_an_unsure_place_names_the_line_that_is_the_cause() -> None:
    result = scan("echo a\necho 'b\necho ${{ params.v }}", "bash")

    assert [problem.message for problem in result.problems] == [
        "it cannot be told how the shell reads this place: a ' is never closed "
        "(line 2 of the script)"
    ]


def test_what_stands_before_an_unsure_place_is_accepted() -> None:
    result = scan("echo ${{ params.a }}\necho '${{ params.b }}", "bash")

    assert [problem.offset for problem in result.problems] == [27]


def test_every_refused_place_is_told_in_one_go() -> None:
    result = scan(values("echo $((§)); read §; echo \\§"), "bash")

    assert [(problem.offset, problem.code) for problem in result.problems] == [
        (8, "shell-arithmetic"),
        (32, "shell-name"),
        (55, "shell-backslash"),
    ]


def test_a_script_without_expressions_is_one_piece_whatever_it_is() -> None:
    assert scan("echo '$(( ", "bash") == ScanResult(("echo '$(( ",))


def test_a_dollar_before_a_value_would_be_unsure() -> None:
    lexer = ShellLexer('echo "$%s"' % VALUE, bash=True)

    with pytest.raises(Lost, match="stands before a value"):
        lexer.read()


def test_an_escaped_opening_is_text() -> None:
    assert scan("echo '$${{ x }}'", "sh").pieces == ("echo '${{ x }}'",)


def test_an_escaped_opening_beside_a_value_is_text() -> None:
    assert marked(scan("echo '$${{ x }} ${{ params.v }}'", "sh")) == "echo '${{ x }} «S»'"


def test_an_expression_of_several_lines_is_one_value() -> None:
    assert marked(scan("echo ${{ params.v\n + 'a' }} b", "sh")) == "echo «*» b"


def test_an_expression_of_several_lines_is_refused_in_a_comment() -> None:
    result = scan("# ${{ params.v\n}}\n", "sh")

    assert [problem.code for problem in result.problems] == ["shell-comment"]


def test_an_expression_that_cannot_be_read_is_a_problem_of_the_script() -> None:
    result = scan("echo ${{ params. }}", "sh")

    assert [(problem.code, problem.severity) for problem in result.problems] == [
        ("expression", "error")
    ]


def test_a_script_with_a_nul_is_refused() -> None:
    assert [(p.code, p.offset) for p in scan("a\0b", "sh").problems] == [("shell-nul", 1)]


def test_another_shell_takes_no_expressions() -> None:
    result = scan("print(${{ params.a }}, ${{ params.b }})", ("python3", "-c"))

    assert [(problem.code, problem.offset) for problem in result.problems] == [
        ("shell-expression", 6),
        ("shell-expression", 23),
    ]


def test_another_shell_gets_an_escaped_opening_as_text() -> None:
    assert scan("a $${{ b", ("perl", "-e")).pieces == ("a ${{ b",)


@pytest.mark.parametrize("text", ["[[ a ]] && §", "cat <<< §", "echo ${a[1]} §", "a=(§)"])
def test_what_only_bash_reads_is_told_apart_in_sh(text: str) -> None:
    assert [p.suggestion for p in scan(values(text), "sh").problems] == [
        "write shell: bash for this step"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000 + "§",
        "a" + "=" * 100_000 + "§",
        "-" + "=" * 100_000 + "§",
        "echo " + "@(a)" * 30_000 + "§",
        "for x $(" * 40 + "§" + ")" * 40,
        "printf " + "-v a " * 30_000 + "§",
        "x " + "sh -c " * 30_000 + "§",
        "echo '" + "§" * 10_000,
        "cat" + " <<a" * 10_000 + "\n" + "§\na\n" * 10_000,
        "echo " + "$x" * 50_000 + "§",
        "a=(" + "[1]=§ " * 10_000 + ")",
        'echo "' + "${x:-" * 30 + "§" + "}" * 30 + '"',
        "echo " + "\\\n" * 50_000 + "§",
        "(" * 100_000 + "§",
        "echo §\n" * 10_000,
    ],
    ids=lambda text: text[:20],
)
def test_no_script_takes_more_than_its_length_in_time(text: str) -> None:
    start = time.process_time()

    scan(values(text), "bash")

    assert time.process_time() - start < 10

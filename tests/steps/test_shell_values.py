"""Hostile values arrive byte for byte wherever they are accepted, and nothing of them is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.steps.shells import HOSTILE, SHELLS, run_script

# § is the value, in the script and in what is expected of it
PLACES = {
    "bare": ("printf %s §", "§"),
    "part of a word": ("printf %s a§b", "a§b"),
    "double quotes": ('printf %s "a § b"', "a § b"),
    "single quotes": ("printf %s 'a § \"b\"'", 'a § "b"'),
    "quotes in a row": ("printf %s '§'\"§\"§", "§§§"),
    "here-document": ('cat <<END\na § "b"\nEND', 'a § "b"\n'),
    "indented here-document": ("cat <<-END\n\ta §\n\tEND", "a §\n"),
    "here-document in a pipeline": ("cat <<END | cat\n§\nEND", "§\n"),
    "default in a here-document": ("cat <<END\n${unset:-a §}\nEND", "a §\n"),
    "assignment": ('x=§; printf %s "$x"', "§"),
    "part of an assignment": ('x=a§b; printf %s "$x"', "a§b"),
    "exported": ("export X=§; sh -c 'printf %s \"$X\"'", "§"),
    "before a command": ("X=§ sh -c 'printf %s \"$X\"'", "§"),
    "readonly": ('(readonly X=§; printf %s "$X")', "§"),
    "local": ('f() { local x=§; printf %s "$x"; }; f', "§"),
    "argument of a function": ('f() { printf %s "$2"; }; f a § b', "§"),
    "positional": ('set -- § a; printf %s "$1"', "§"),
    "loop": ("for x in a §; do printf '<%s>' \"$x\"; done", "<a><§>"),
    "case": ("case § in a) ;; §) printf same;; *) printf other;; esac", "same"),
    "case pattern": ("case a§b in (a§*) printf same;; *) printf other;; esac", "same"),
    "test": ("if [ § = § ]; then printf same; fi", "same"),
    "test of length": ("if [ -n a§ ] && [ x§ != x ] || [ -z § ]; then printf yes; fi", "yes"),
    "default": ('x=${unset:-§}; printf %s "$x"', "§"),
    "quoted default": ('printf %s "${unset-a §}"', "a §"),
    "default with quotes": ('x=${unset:-\'a §\'"§"}; printf %s "$x"', "a §§"),
    "alternative": ('y=1; x=${y:+§}; printf %s "$x"', "§"),
    "assigned default": ('unset z; : "${z:=§}"; printf %s "$z"', "§"),
    "prefix": ('x=§tail; y=${x#§}; printf %s "$y"', "tail"),
    "suffix": ('x=head§; y=${x%%§}; printf %s "$y"', "head"),
    "substitution": ('x=$(printf %s §; printf x); printf %s "${x%x}"', "§"),
    "quoted substitution": ('x="$(printf %s "a§"; printf x)"; printf %s "${x%x}"', "a§"),
    "substitution in a here-document": ("cat <<END\n$(printf %s '§'; printf x)\nEND", "§x\n"),
    "here-document in a substitution": ('printf %s "$(cat <<END\n§x\nEND\n)"', "§x"),
    "nested case": ('x=$(case § in §) printf %s §; printf x;; esac); printf %s "${x%x}"', "§"),
    "pipeline": ("printf %s § | cat", "§"),
    "condition": ("if printf %s §; then printf yes; fi", "§yes"),
    "background": ("printf %s § & wait", "§"),
    "subshell": ("(printf %s §)", "§"),
    "block": ("{ printf %s §; } 2>/dev/null", "§"),
    "beside a comment": ("printf %s § # §\n#§", "§"),
    "joined line": ("printf \\\n%s \\\n§", "§"),
    "carriage return": ("printf %s §\r", "§\r"),
}

PLACES_OF_BASH = {
    "array": ('a=(b §); printf %s "${a[1]}"', "§"),
    "array by key": ('declare -A m=([k]=§); printf %s "${m[k]}"', "§"),
    "element": ('a[3]=§; printf %s "${a[3]}"', "§"),
    "appended": ('a=(b); a+=(§); printf %s "${a[1]}"', "§"),
    "declared array": ('declare -a a=(§); printf %s "${a[0]}"', "§"),
    "declared": ('declare d=§; printf %s "$d"', "§"),
    "declared, readonly": ('(declare -rx d=§; printf %s "$d")', "§"),
    "here-string": ("cat <<< §", "§\n"),
    "comparison": ("if [[ § == § && a§ != § ]]; then printf same; fi", "same"),
    "pattern": ("if [[ a§b == a§* ]]; then printf same; fi", "same"),
    "regular expression": ("if [[ 'a§b' =~ ^a§b$ ]]; then printf same; fi", "same"),
    "braces": ("printf '<%s>' {a,§}b", "<ab><§b>"),
    "process substitution": ("cat <(printf %s §)", "§"),
    "select": ("select x in §; do :; done </dev/null 2>/dev/null || printf end", "\nend"),
}

LISTS = {
    "arguments": ("printf '<%s>' §", "<a b><*><>"),
    "loop": ("for x in §; do printf '<%s>' \"$x\"; done", "<a b><*><>"),
    "positional": ("set -- §; printf %d $#", "3"),
    "in quotes": ('printf %s "§"', '["a b","*",""]'),
    "in a word": ("printf %s x=§", 'x=["a b","*",""]'),
    "assigned": ('x=§; printf %s "$x"', '["a b","*",""]'),
}

EMPTY = {
    "arguments": ("set -- a § b; printf %d $#", "2"),
    "loop": ("for x in §; do printf never; done; printf end", "end"),
    "with another separator": ("IFS=:; set -- §; printf %d $#", "0"),
    "command": ("§ printf a", "a"),
    "in quotes": ('printf %s "§"', "[]"),
}


def all_at_once(script: str) -> str:
    """The script once for each hostile value, with a line after each."""
    return "".join(
        script.replace("§", "${{ params.v[%d] }}" % number) + "\nprintf '\\n=%d=\\n'\n" % number
        for number in range(len(HOSTILE))
    )


def expected_of_all(expected: str) -> bytes:
    outputs = (
        expected.replace("§", value) + "\n=%d=\n" % number for number, value in enumerate(HOSTILE)
    )
    return "".join(outputs).encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("place", PLACES)
def test_hostile_values_arrive_byte_for_byte(place: str, shell: str, tmp_path: Path) -> None:
    script, expected = PLACES[place]

    done = run_script(all_at_once(script), shell, {"v": list(HOSTILE)}, tmp_path / "work")

    assert done == (0, expected_of_all(expected), "", ())


@pytest.mark.parametrize("place", PLACES_OF_BASH)
def test_hostile_values_arrive_byte_for_byte_in_bash(place: str, tmp_path: Path) -> None:
    script, expected = PLACES_OF_BASH[place]

    done = run_script(all_at_once(script), "bash", {"v": list(HOSTILE)}, tmp_path / "work")

    assert done == (0, expected_of_all(expected), "", ())


@pytest.mark.parametrize(
    "value", ["UTF-8 é", b"\xc3".decode("utf-8", "surrogateescape")], ids=ascii
)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_value_in_a_redirection_is_one_file(shell: str, value: str, tmp_path: Path) -> None:
    text = "printf a > ${{ params.v }}; cat < ${{ params.v }}"

    done = run_script(text, shell, {"v": "$(touch PWNED) *\n" + value}, tmp_path / "work")

    assert done == (0, b"a", "", ("$(touch PWNED) *\n" + value,))


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("place", LISTS)
def test_a_list_is_a_word_an_element_where_words_stand(
    place: str, shell: str, tmp_path: Path
) -> None:
    script, expected = LISTS[place]
    text = script.replace("§", "${{ params.v }}")

    done = run_script(text, shell, {"v": ["a b", "*", ""]}, tmp_path / "work")

    assert done == (0, expected.encode(), "", ())


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("place", EMPTY)
def test_an_empty_list_is_no_word(place: str, shell: str, tmp_path: Path) -> None:
    script, expected = EMPTY[place]

    done = run_script(script.replace("§", "${{ params.v }}"), shell, {"v": []}, tmp_path / "work")

    assert done == (0, expected.encode(), "", ())


def test_a_list_in_an_array_of_bash_is_its_elements(tmp_path: Path) -> None:
    text = "a=(x ${{ params.v }}); printf '<%s>' \"${a[@]}\""

    done = run_script(text, "bash", {"v": ["a b", "*", ""]}, tmp_path / "work")

    assert done.output == b"<x><a b><*><>"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_value_may_be_a_command_and_is_no_reserved_word(shell: str, tmp_path: Path) -> None:
    text = "${{ params.a }} a; if ${{ params.b }}; then :; else printf ' %s' $?; fi"

    done = run_script(text, shell, {"a": "echo", "b": "while"}, tmp_path / "work")

    assert done[:2] == (0, b"a\n 127")


@pytest.mark.parametrize("shell", SHELLS)
def test_lines_have_their_numbers_however_large_a_value_is(shell: str, tmp_path: Path) -> None:
    text = ": ${{ params.v }}\n:\nno-such-program"

    small = run_script(text, shell, {"v": "a"}, tmp_path / "small")
    large = run_script(text, shell, {"v": "a\n" * 100_000}, tmp_path / "large")

    assert (small.code, large) == (127, small)

from __future__ import annotations

from typing import Mapping, Optional

import pytest

from orchestra.model.source_place import Place
from orchestra.subscribers.grouping import (
    GithubGrouping,
    GitlabGrouping,
    Grouping,
    NoGrouping,
    grouping_for,
)

GITHUB = GithubGrouping("t0k3n")


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({}, NoGrouping),
        ({"CI": "true"}, NoGrouping),
        ({"GITHUB_ACTIONS": "true"}, GithubGrouping),
        ({"GITHUB_ACTIONS": "false"}, NoGrouping),
        ({"GITLAB_CI": "true"}, GitlabGrouping),
    ],
)
def test_the_ci_is_known_by_its_variable(environ: Mapping[str, str], kind: type) -> None:
    assert type(grouping_for(environ, "t")) is kind


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[1/2] build succeeded", "[1/2] build succeeded\n"),
        ("::add-mask::x", "- ::add-mask::x\n"),
        ("  ::add-mask::x", "-   ::add-mask::x\n"),
        ("note ##[add-mask]x", "note ## [add-mask]x\n"),
    ],
)
def test_no_line_of_ours_is_an_order_to_github(text: str, line: str) -> None:
    assert GITHUB.line(text) == line


def test_a_success_is_folded_and_commands_are_off_around_its_output() -> None:
    assert GITHUB.block("title 100%", "  ::error::x\n", 1, 5.0, folded=True) == (
        "::group::title 100%25\n::stop-commands::t0k3n\n  ::error::x\n::t0k3n::\n::endgroup::\n"
    )


def test_a_failure_stands_open() -> None:
    assert GITHUB.block("title", "  out\n", 1, 5.0, folded=False) == (
        "title\n::stop-commands::t0k3n\n  out\n::t0k3n::\n"
    )
    assert GitlabGrouping().block("title", "  out\n", 1, 5.0, folded=False) == "title\n  out\n"


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (None, "::error title=a::no\n"),
        (Place("src/a,b.c", 7), "::error file=src/a%2Cb.c,line=7,title=a::no\n"),
        (Place("a.c", 7, 3), "::error file=a.c,line=7,col=3,title=a::no\n"),
        (Place("a\n::x.c", 1), "::error file=a\\n%3A%3Ax.c,line=1,title=a::no\n"),
    ],
)
def test_an_annotation_stands_in_the_file_that_the_log_names(
    place: Optional[Place], line: str
) -> None:
    github = GithubGrouping("t", {"a.log": place}.get)
    assert github.failure("a", "no", "a.log") == line
    assert github.failure("a", "no", None) == "::error title=a::no\n"


def test_an_annotation_escapes_what_would_end_it() -> None:
    assert (
        GITHUB.failure("a:b,c", "50%\nbad: x", "a.log")
        == "::error title=a%3Ab%2Cc::50%25%0Abad: x\n"
    )


@pytest.mark.parametrize("grouping", [NoGrouping(), GitlabGrouping()])
def test_where_there_are_no_annotations_nothing_is_written(grouping: Grouping) -> None:
    assert grouping.failure("a", "b", "a.log") == ""
    assert grouping.quote_begin + grouping.quote_end == ""
    assert grouping.line("::x") == "::x\n"


def test_gitlab_gets_a_collapsed_section_of_its_own_number() -> None:
    assert GitlabGrouping().block("title", "  out\n", 7, 5.9, folded=True) == (
        "\x1b[0Ksection_start:5:orchestra_7[collapsed=true]\r\x1b[0Ktitle\n"
        "  out\n"
        "\x1b[0Ksection_end:5:orchestra_7\r\x1b[0K\n"
    )

"""Fingerprints and their parts: what is the same, and in words what is not."""

from __future__ import annotations

import pytest

from orchestra.engine.fingerprint import MISSING, changes, digest_of_value, fingerprint_of


def test_a_fingerprint_does_not_depend_on_the_order_of_its_parts():
    assert fingerprint_of({"a": "1", "b": "2"}) == fingerprint_of({"b": "2", "a": "1"})
    assert fingerprint_of({"a": "1", "b": "2"}) != fingerprint_of({"a": "2", "b": "1"})


@pytest.mark.parametrize(
    "values", [("1", 1), (1, True), (1, 1.5), (None, "null"), ([], {}), ([1, 2], [2, 1]), ("", " ")]
)
def test_values_that_differ_have_digests_that_differ(values):
    assert len({digest_of_value(value) for value in values}) == 2


def test_text_that_is_no_unicode_has_a_digest():
    assert len(digest_of_value("not utf-8: \udcff")) == 32


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({"file a.py": "1"}, {"file a.py": "2"}, "`a.py` changed"),
        ({}, {"file a.py": "2"}, "`a.py` is new"),
        ({"file a.py": MISSING}, {"file a.py": "2"}, "`a.py` is new"),
        ({"file a.py": "1"}, {}, "`a.py` is gone"),
        ({"file a.py": "1"}, {"file a.py": MISSING}, "`a.py` is gone"),
        (
            {"source a.py": "1", "file a.py": "1"},
            {"source a.py": "2", "file a.py": "2"},
            "`a.py` changed",
        ),
        ({"env CC": "1"}, {"env CC": "2"}, "env `CC` changed"),
        ({"variable CC": "1"}, {"variable CC": "2"}, "env `CC` changed"),
        (
            {"value steps.a.outputs.n": "1"},
            {"value steps.a.outputs.n": "2"},
            "`steps.a.outputs.n` changed",
        ),
        ({"body": "1"}, {"body": "2"}, "its body changed"),
        (
            {"shell": "1", "key": "1"},
            {"shell": "2", "key": "2"},
            "its shell changed, its cache key changed",
        ),
        ({}, {"key": "2"}, "its cache key is new"),
        ({"outputs": "1"}, {"outputs": "2"}, "its cache outputs changed"),
        ({"working_dir": "1"}, {}, "its working_dir is gone"),
        (
            {"file %d" % n: "1" for n in range(5)},
            {"file %d" % n: "2" for n in range(5)},
            "`0` changed, `1` changed, `2` changed and 2 more",
        ),
        ({"body": "1"}, {"body": "1"}, ""),
    ],
)
def test_what_changed_is_said_in_words(before, now, words):
    assert changes(before, now) == words

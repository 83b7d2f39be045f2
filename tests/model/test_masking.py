"""No byte of a secret is let through, however the stream is cut, and nothing else is changed."""

from __future__ import annotations

import base64
import json
from typing import List
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestra.model.masking import LONGEST_BEGINNING, Masker, Needles
from orchestra.model.secret_forms import needles_of, raw_of
from tests.effort import examples

SECRETS = st.text(
    st.characters(min_codepoint=1, blacklist_categories=["Cs"], blacklist_characters="*"),
    min_size=4,
    max_size=24,
).filter(lambda text: len(text.encode().strip()) >= 4)
NOISE = st.sampled_from([b"", b"x", b"a line\n", b'{"k": "', b"***", b"\0\xff"])


def masker(*values: str) -> Masker:
    return Masker(needles_of(values))


def plain(*forms: bytes) -> Masker:
    return Masker([Needles(form, (form,)) for form in forms])


def passed(known: Masker, blocks: List[bytes]) -> bytes:
    """What comes out when the blocks go in."""
    stream = known.stream()
    shown = b"".join([stream.feed(block) for block in blocks])
    return shown + stream.finish()


def forms_of(value: str) -> List[bytes]:
    """Every form that is promised, made by the same means as a step would."""
    raw = raw_of(value)
    aligned = [base64.b64encode(b"x" * before + raw) for before in range(3)]
    aligned = [
        text[start : (before + len(raw)) * 8 // 6]
        for before, (text, start) in enumerate(zip(aligned, (0, 2, 3)))
    ]
    return [
        raw,
        *aligned,
        *(text.replace(b"+", b"-").replace(b"/", b"_") for text in aligned),
        quote(raw).encode(),
        quote(raw, safe="").encode(),
        quote_plus(raw).encode(),
        json.dumps(value)[1:-1].encode(),
        json.dumps(value, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape"),
    ]


@settings(max_examples=examples(80), deadline=None)
@given(secret=SECRETS, before=NOISE, after=NOISE)
@example('p+/?\u00e4 "q"&=%\\<\n>', b"", b"")
@example("aaaa", b"", b"")
@example("abcabcab", b"", b"")
@example("line one\nline two\r\nx\n", b"", b"")
def test_every_form_cut_at_every_byte_leaves_nothing_of_a_secret(secret, before, after):
    known = masker(secret)
    for form in forms_of(secret):
        text = before + form + after
        whole = known.mask(text)
        assert form not in whole
        assert b"***" in whole
        for cut in range(len(text) + 1):
            assert passed(known, [text[:cut], text[cut:]]) == whole
        assert passed(known, [text[at : at + 1] for at in range(len(text))]) == whole


@settings(max_examples=examples(200), deadline=None)
@given(
    secrets=st.lists(SECRETS, min_size=1, max_size=3),
    texts=st.lists(st.one_of(NOISE, st.integers(0, 200)), max_size=8),
    cuts=st.lists(st.integers(0, 400), max_size=6),
)
def test_the_result_does_not_depend_on_the_blocks(secrets, texts, cuts):
    known = masker(*secrets)
    forms = [form for secret in secrets for form in forms_of(secret)]
    text = b"".join(part if isinstance(part, bytes) else forms[part % len(forms)] for part in texts)
    borders = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    blocks = [text[start:end] for start, end in zip(borders, borders[1:])]
    assert passed(known, blocks) == known.mask(text)


@settings(max_examples=examples(300), deadline=None)
@given(
    forms=st.lists(st.text("ab", min_size=4, max_size=14), min_size=1, max_size=3),
    text=st.text("ab", max_size=40),
)
def test_exactly_the_longest_beginning_of_a_form_is_held(forms, text):
    data = text.encode()
    beginnings = [
        size
        for form in forms
        for size in range(1, min(len(form), len(data) + 1))
        if data.endswith(form[:size].encode())
    ]
    assert plain(*map(str.encode, forms)).held(data) == max(beginnings, default=0)


@settings(max_examples=examples(300), deadline=None)
@given(
    forms=st.lists(st.text("ab", min_size=4, max_size=7), min_size=1, max_size=3),
    text=st.text("ab", max_size=40),
)
def test_all_that_is_covered_by_a_form_is_masked_and_nothing_else(forms, text):
    spots = [
        (at, at + len(form))
        for form in forms
        for at in range(len(text))
        if text.startswith(form, at)
    ]
    covered = {at for start, end in spots for at in range(start, end)}
    starts = {start for start, _ in spots if not any(s < start < e for s, e in spots)}
    expected = "".join(
        ("***" if at in starts else "") + ("" if at in covered else sign)
        for at, sign in enumerate(text)
    )
    assert plain(*map(str.encode, forms)).mask(text.encode()) == expected.encode()


def test_output_without_a_secret_goes_through_at_once_and_unchanged():
    stream = masker("hunter2 hunter2").stream()
    assert [stream.feed(b"a line\n"), stream.feed(b"\0\xff\r\n"), stream.finish()] == [
        b"a line\n",
        b"\0\xff\r\n",
        b"",
    ]


def test_what_may_begin_a_secret_waits_until_it_is_known_not_to():
    stream = plain(b"hunter2-and-more").stream()
    assert stream.feed(b"the hunt") == b"the "
    assert stream.feed(b"") == b""
    assert stream.feed(b"ing") == b"hunting"
    assert stream.finish() == b""


@pytest.mark.parametrize(
    ("end", "shown"),
    [(b"hunter2-and-more"[:size], b"hunter2-and-more"[:size]) for size in (1, LONGEST_BEGINNING)]
    + [(b"hunter2-and-more"[:size], b"***") for size in (LONGEST_BEGINNING + 1, 15)],
)
def test_a_stream_that_ends_in_a_secret_shows_a_few_bytes_of_it_at_most(end, shown):
    assert plain(b"hunter2-and-more").mask(b"so: " + end) == b"so: " + shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"abcdefghi", b"***"),  # two secrets that overlap
        (b"abcdefabcdef", b"******"),  # the same one twice
        (b"xabcdefdefghiy", b"x******y"),
        (b"abcdeabcdef", b"abcde***"),
    ],
)
def test_secrets_that_overlap_are_masked_together(text, shown):
    assert plain(b"abcdef", b"defghi").mask(text) == shown


def test_a_secret_in_a_million_bytes_is_found_across_the_blocks():
    noise = b"INFO 2026-11-22 worker: nothing\n" * 8192
    known = masker("S3CRET/with+some=MORE")
    blocks = [noise + b"S3CRET/wi", b"th+some=MORE" + noise]
    assert passed(known, blocks) == noise + b"***" + noise


def test_a_masker_shows_nothing_of_what_it_knows():
    known = masker("hunter2 hunter2")
    assert "hunter" not in repr(known) + repr(known.stream())
    assert known.holds(b"so hunter2 hunter2 it is") is True
    assert known.holds(b"so hunter it is") is False

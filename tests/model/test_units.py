"""Durations, sizes and amounts: what is one, what is none, how it is shown."""

from __future__ import annotations

from typing import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.model.units import (
    format_amount,
    format_duration,
    format_size,
    parse_amount,
    parse_cpu,
    parse_duration,
    parse_size,
    plain_amounts,
)


def refused(parse: Callable[[str], object], text: str) -> object:
    """What the error holds that the text is refused with."""
    with pytest.raises(ValueError, match=r"\A") as caught:
        parse(text)
    return caught.value.args[0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("0s", 0.0),
        ("90s", 90.0),
        ("0.25s", 0.25),
        ("10m", 600.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        ("1d", 86400.0),
        ("500ms", 0.5),
        ("700ms", 0.7),
        ("1m1ms", 60.001),
        ("1d2h3m4s5ms", 93784.005),
        ("05s", 5.0),
        ("3650d", 315360000.0),
    ],
)
def test_a_duration_is_numbers_with_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "5.0", "00", "s", "1 s", "1h 30m", " 1s", "1s\n", "-1s", "+1s", "1e3s", "1,5s"),
        *(".5s", "1.s", "1..5s", "1S", "1M", "1sec", "1min", "1w", "1h30", "1_0s", "٣s", "1s0"),
        *("3651d", "3650d1ms", "9" * 400 + "d", "1" * 10_000 + "s", "inf", "nan", "1" * 100_000),
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    assert refused(parse_duration, text) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("0B", 0),
        ("100B", 100),
        ("1kB", 1000),
        ("1KB", 1000),
        ("512MiB", 512 * 2**20),
        ("4GB", 4 * 10**9),
        ("1.5GiB", 3 * 2**29),
        ("1.1KiB", 1126),
        ("1.0009765625KiB", 1025),
        ("9007199254740993B", 9007199254740993),
        ("0.1B", 1),
        ("2TiB", 2**41),
        ("3PiB", 3 * 2**50),
        ("3PB", 3 * 10**15),
        ("4096PiB", 2**62),
        ("%sB" % ("0" * 100 + "7"), 7),
        ("1.%sB" % ("0" * 10_000), 1),
    ],
)
def test_a_size_is_a_number_with_a_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "5.0", "00", "B", "1 B", " 1B", "1B\n", "-1B", "1e3B", "1,5B", ".5GiB", "1.GiB"),
        *("1b", "1K", "1M", "1G", "1Gi", "1gb", "1EiB", "1GiB1MiB", "1_0B", "٣B", "4097PiB"),
        *("9" * 400 + "B", "9" * 400 + ".5PiB", "1" * 100_000 + "B", "infB"),
    ],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    assert refused(parse_size, text) == text


@pytest.mark.parametrize(
    ("text", "milli"),
    [
        ("0", 0),
        ("0m", 0),
        ("2", 2000),
        ("2.0", 2000),
        ("0.5", 500),
        ("500m", 500),
        ("0.0005", 1),
        ("0.00001", 1),
        ("0.3333333333333333", 333),
        ("0.29", 290),
        ("1000000", 10**9),
    ],
)
def test_cores_are_counted_in_thousandths(text: str, milli: int) -> None:
    assert parse_cpu(text) == milli


@pytest.mark.parametrize(
    "text",
    [
        "",
        "m",
        "0.5m",
        "-1",
        "1e3",
        "1e-05",
        " 1",
        "1\n",
        "1,5",
        ".5",
        "1.",
        "two",
        "1000001",
        "9" * 400,
    ],
)
def test_what_is_no_number_of_cores_is_refused(text: str) -> None:
    assert refused(parse_cpu, text) == text


@pytest.mark.parametrize(
    ("name", "text", "amount"),
    [
        ("cpu", "1.5", 1500),
        ("memory", "1KiB", 1024),
        ("disk", "1kB", 1000),
        ("network", "0", 0),
        ("gpu", "2", 2),
        ("db", "999999999999999", 999999999999999),
        ("Memory", "3", 3),
    ],
)
def test_an_amount_is_in_the_units_of_its_resource(name: str, text: str, amount: int) -> None:
    assert parse_amount(name, text) == amount


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("memory", "5"), ("cpu", "1GiB"), ("gpu", "0.5"), ("gpu", "-1"), ("db", ""), ("db", "²")),
        *(("db", "٣"), ("db", "1kB"), ("db", "1" * 16), ("db", " 1")),
    ],
)
def test_what_is_no_amount_of_a_resource_is_refused(name: str, text: str) -> None:
    assert refused(lambda words: parse_amount(name, words), text) == text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1.0, "0.00s"),
        (0.0, "0.00s"),
        (0.04, "0.04s"),
        (0.994, "0.99s"),
        (0.996, "1.0s"),
        (3.21, "3.2s"),
        (59.94, "59.9s"),
        (59.96, "1m00s"),
        (65.0, "1m05s"),
        (3599.4, "59m59s"),
        (3599.6, "1h00m"),
        (7380.0, "2h03m"),
        (86399.6, "1d00h"),
        (273600.0, "3d04h"),
        (315360000.0, "3650d00h"),
    ],
)
def test_a_duration_is_shown_with_two_units_at_most(seconds: float, shown: str) -> None:
    assert format_duration(seconds) == shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (10240, "10 KiB"),
        (2**20 - 1, "1 MiB"),
        (1023 * 1024, "1023 KiB"),
        (2 * 2**30, "2 GiB"),
        (2**30 * 2 + 2**20 * 100, "2.1 GiB"),
        (2**50, "1 PiB"),
        (2**62, "4096 PiB"),
    ],
)
def test_a_size_is_shown_in_the_unit_that_is_short(size: int, shown: str) -> None:
    assert format_size(size) == shown


@pytest.mark.parametrize(
    ("name", "amount", "shown"),
    [
        ("cpu", 500, "0.5"),
        ("cpu", 0, "0"),
        ("cpu", 1, "0.001"),
        ("cpu", 16000, "16"),
        ("cpu", 10**9, "1000000"),
        ("memory", 2**31, "2 GiB"),
        ("disk", 512, "512 B"),
        ("network", 0, "0 B"),
        ("gpu", 10, "10"),
        ("db", 100, "100"),
    ],
)
def test_an_amount_is_shown_in_the_units_of_its_resource(
    name: str, amount: int, shown: str
) -> None:
    assert format_amount(name, amount) == shown


def test_amounts_for_programs_are_plain_numbers() -> None:
    amounts = {"cpu": 1500, "memory": 2**31, "gpu": 1, "db": 4}
    assert plain_amounts(amounts) == {"cpu": 1.5, "memory": 2**31, "gpu": 1, "db": 4}


@given(st.integers(0, 10**9))
def test_cores_survive_being_shown_and_read(milli: int) -> None:
    assert parse_cpu(format_amount("cpu", milli)) == milli


@given(st.integers(0, 2**62))
def test_a_size_in_bytes_survives_being_written_and_read(size: int) -> None:
    assert parse_size("%dB" % size) == size


@given(st.integers(0, 2**61))
def test_a_size_that_is_shown_is_within_a_twentieth_of_itself(size: int) -> None:
    read = parse_size(format_size(size).replace(" ", ""))
    assert abs(read - size) * 20 <= max(size, 20)


@given(st.floats(0, 10 * 365 * 86400.0))
def test_a_duration_that_is_shown_can_be_read(seconds: float) -> None:
    read = parse_duration(format_duration(seconds))
    assert abs(read - seconds) <= max(0.005 + 1e-9, seconds / 20, 0.05 * (seconds > 0.99))


@given(st.text(max_size=12) | st.text("0123456789.smhdBkKMGTPi", max_size=8))
def test_any_text_is_a_quantity_or_a_value_error(text: str) -> None:
    outcomes = []
    for parse in (parse_duration, parse_size, parse_cpu):
        try:
            outcomes.append(parse(text) >= 0)
        except ValueError:
            outcomes.append(True)
    assert outcomes == [True] * 3

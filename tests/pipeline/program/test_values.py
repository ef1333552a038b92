"""Plain data crosses exactly; nothing else is taken for it, and no message breaks the reader."""

import os
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.program.values import MAX_FRAME_BYTES, Frames, Malformed, TooLarge, decode, encode

KEYS = st.none() | st.booleans() | st.integers() | st.text(st.characters()) | st.binary() | st.fractions()
DATA = st.recursive(
    KEYS | st.floats(allow_nan=False) | st.complex_numbers(allow_nan=False) | st.decimals(allow_nan=False),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner)
        | st.sets(KEYS)
        | st.frozensets(KEYS)
        | st.builds(deque, st.lists(inner))
        | st.builds(range, st.integers(), st.integers())
    ),
)


def refuse(*value: Any) -> Any:
    raise LookupError


def crossed(value: Any) -> Any:
    """A value after both ways, over pipes."""
    reader, writer = os.pipe()
    frames = Frames(reader, writer)
    frames.send(encode(value, refuse))
    message = frames.receive()
    os.close(reader)
    os.close(writer)
    return decode(message, refuse)


def types(value: Any) -> Any:
    """The types of a value and of what is in it."""
    return type(value), [types(item) for item in value] if isinstance(value, list | tuple | dict | deque) else None


@given(DATA)
def test_data_arrives_as_it_was(value: Any) -> None:
    assert crossed(value) == value
    assert types(crossed(value)) == types(value)


@pytest.mark.parametrize(
    "value",
    [
        Counter("abba"), OrderedDict(b=1, a=2), defaultdict(None, a=[1]), deque([1, 2], maxlen=2), bytearray(b"\0\xff"),
        date(2024, 2, 29), time(1, 2, 3, 4), datetime(2024, 1, 1, 12), timedelta(1, 2, 3), Decimal("NaN").copy_abs(),
        Fraction(-1, 3), Decimal("1E+9"), 2**80, -(2**63), 2**63, "\ud83d\ude00", "\ud800", float("-inf"), int,
        ValueError, range(10, 0, -3),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_data_of_the_standard_library_arrives_as_it_was(value: Any) -> None:
    assert repr(crossed(value)) == repr(value)


class Number(int):
    pass


class Colour(IntEnum):
    RED = 1


class list_(list):
    __class__ = list  # type: ignore[assignment]


list_.__name__ = "list"


@pytest.mark.parametrize(
    "value",
    [
        Number(1), Colour.RED, namedtuple("P", "x")(1), list_(), object(), len, refuse, Number, iter([]),
        datetime.max.replace(tzinfo=UTC),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_only_resembles_data_is_none(value: Any) -> None:
    assert encode([value], lambda it: "other" if it is value else "wrong") == ["other"]


@pytest.mark.parametrize(
    "message",
    [
        {}, {"int": "x"}, {"int": 1}, {"a": 1, "b": 2}, {"tuple": 1}, {"dict": [[1]]}, {"dict": [[[], 1]]},
        {"set": [[]]},
        {"range": [0, 1, 0]}, {"range": ["a"]}, {"Fraction": [1, 0]}, {"Decimal": ["x"]}, {"date": [2024, 13, 1]},
        {"type": ["len"]}, {"type": ["nothing"]}, {"type": []}, {"type": [1]}, {"bytes": ["zz"]}, {"str": "d800zz"},
        {"deque": [1, 2, 3]}, {"complex": ["x", 1]}, {"timedelta": [10**30, 0, 0]}, {"Counter": [1]},
    ],
    ids=str,
)  # fmt: skip
def test_messages_that_no_honest_peer_sends_are_refused(message: Any) -> None:
    with pytest.raises(Malformed):
        decode(message, refuse)


def test_data_that_is_nested_too_deeply_is_refused() -> None:
    message: Any = []
    for _ in range(100_000):
        message = [message]
    with pytest.raises(Malformed):
        decode(message, refuse)


@pytest.mark.parametrize("content", [b"\xff\xff\xff\xff", b"\0\0\0\1{", b"\0\0\0\2\xff\xfe", b"\0\0\0\x04[1e]"])
def test_bytes_that_are_no_message_are_refused(content: bytes) -> None:
    reader, writer = os.pipe()
    os.write(writer, content)
    with pytest.raises(Malformed):
        Frames(reader, writer).receive()
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("content", [b"", b"\0\0", b"\0\0\0\x09[1"])
def test_a_message_that_breaks_off_is_the_end(content: bytes) -> None:
    reader, writer = os.pipe()
    os.write(writer, content)
    os.close(writer)
    with pytest.raises(EOFError):
        Frames(reader, -1).receive()
    os.close(reader)


def test_a_message_that_is_too_large_is_not_sent() -> None:
    with pytest.raises(TooLarge):
        Frames(-1, -1).send("x" * MAX_FRAME_BYTES)

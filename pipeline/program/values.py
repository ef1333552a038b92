"""Values as they cross between a program and its tests: plain data exactly, anything else by a number.

Covers: None, bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, range, slice, builtin
types, and of the standard library Fraction, Decimal, deque, Counter, defaultdict, OrderedDict, date, time,
datetime and timedelta without a time zone. Only values of exactly these types: a subclass is no data.

Does not cover: two names for one list, and cycles; a value arrives as a copy.

JSON carries it: null, booleans, numbers, text and lists are themselves; an object has one key, the type.
"""

import builtins
import json
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

MAX_FRAME_BYTES = 16 * 1024**2
"""Longest message in either direction."""
BIG = 2**63
"""Whole numbers from here on are written in base 16, which takes time in proportion to their length."""


class Malformed(Exception):
    """Bytes that no honest peer sends."""


class TooLarge(Exception):
    """A message above MAX_FRAME_BYTES, refused by its sender."""


class Frames(NamedTuple):
    """JSON messages over two pipes, each after its length in 4 bytes."""

    reader: int
    writer: int

    def send(self, message: Any) -> None:
        """Raises TooLarge before anything is sent, OSError where the reader is gone."""
        content = json.dumps(message).encode()
        if len(content) > MAX_FRAME_BYTES:
            raise TooLarge(f"a message of {len(content)} bytes, at most {MAX_FRAME_BYTES} cross")
        left = memoryview(len(content).to_bytes(4, "big") + content)
        while left:
            left = left[os.write(self.writer, left) :]

    def receive(self) -> Any:
        """Raises EOFError where the sender is gone, Malformed for anything but a message."""
        length = int.from_bytes(self._read(4), "big")
        if length > MAX_FRAME_BYTES:
            raise Malformed(f"a message of {length} bytes")
        try:
            return json.loads(self._read(length))
        except (ValueError, RecursionError):
            raise Malformed("a message that is no JSON") from None

    def _read(self, length: int) -> bytes:
        content = bytearray()
        while len(content) < length:
            if not (part := os.read(self.reader, min(length - len(content), 65_536))):
                raise EOFError
            content += part
        return bytes(content)


Encoder = Callable[[Any], Any]
"""Turns a value that is no plain data into JSON, or raises."""


def encode(value: Any, other: Encoder) -> Any:
    """A value as JSON; `other` is asked for what is no plain data.

    >>> encode([1, (2.5, None)], repr), encode({1: {"a"}}, repr), encode(10**30, repr)
    ([1, {'tuple': [2.5, None]}], {'dict': [[1, {'set': ['a']}]]}, {'int': '0xc9f2c9cd04674edea40000000'})
    """
    kind = type(value)
    if value is None or kind is bool or kind is float:
        return value
    if kind is int:
        return value if -BIG < value < BIG else {"int": hex(value)}
    if kind is str:
        return value if not _has_surrogates(value) else {"str": value.encode("utf-8", "surrogatepass").hex()}
    if kind is list:
        return [encode(item, other) for item in value]
    codec = _codec_of(kind)
    if codec is None or (parts := codec.parts(value)) is None:
        return other(value)
    return {codec.name: [encode(item, other) for item in parts]}


def decode(message: Any, other: Callable[[str, Any], Any]) -> Any:
    """The value of a JSON message; `other` is asked for objects that are no plain data. Raises Malformed.

    >>> decode(encode({(1, -0.0): b"x"}, repr), print)
    {(1, -0.0): b'x'}
    """
    try:
        return _decode(message, other)
    except (TypeError, ValueError, ArithmeticError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise Malformed(f"a value that cannot be read: {type(error).__name__}") from None


def _decode(message: Any, other: Callable[[str, Any], Any]) -> Any:
    if isinstance(message, list):
        return [_decode(item, other) for item in message]
    if not isinstance(message, dict):
        return message
    [(name, payload)] = message.items()
    if name == "int":
        return int(payload, 16)
    if name == "str":
        return bytes.fromhex(payload).decode("utf-8", "surrogatepass")
    if (codec := _CODECS.get(name)) is None:
        return other(name, payload)
    return codec.build(_of(codec), [_decode(item, other) for item in payload])


def _has_surrogates(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


class _Codec(NamedTuple):
    """How values of one type are taken apart and made again."""

    name: str
    module: str
    parts: Callable[[Any], Any]
    """The parts of a value, themselves values; None where this value is no plain data."""
    build: Callable[[Any, list[Any]], Any]


def _of(codec: _Codec) -> Any:
    module = sys.modules.get(codec.module) or __import__(codec.module)
    return getattr(module, codec.name)


def _codec_of(kind: type) -> _Codec | None:
    """The codec of exactly this type; modules that nobody has imported have no values here."""
    codec = _CODECS.get(kind.__name__)
    module = sys.modules.get(codec.module) if codec else None
    return codec if codec and kind is getattr(module, codec.name, None) else None


def _from_list(kind: Any, parts: list[Any]) -> Any:
    return kind(parts)


def _from_items(kind: Any, parts: list[Any]) -> Any:
    return kind((key, value) for key, value in parts)


def _from_parts(kind: Any, parts: list[Any]) -> Any:
    return kind(*parts)


def _items(value: Any) -> list[Any]:
    return [[key, inner] for key, inner in value.items()]


def _type_name(value: type) -> list[str] | None:
    return [value.__name__] if getattr(builtins, value.__name__, None) is value else None


def _builtin_type(_: Any, parts: list[Any]) -> type:
    found = getattr(builtins, parts[0])
    if not isinstance(found, type):
        raise TypeError(parts[0])
    return found


def _counter(kind: Any, parts: list[Any]) -> Any:
    return kind(dict(parts))


def _fields(*names: str) -> Callable[[Any], list[Any] | None]:
    """Fields of a date or time, unless it has a time zone."""
    return lambda value: None if getattr(value, "tzinfo", None) else [getattr(value, name) for name in names]


_CLOCK = ("hour", "minute", "second", "microsecond")
_CODECS = {
    codec.name: codec
    for codec in (
        _Codec("tuple", "builtins", list, _from_list),
        _Codec("dict", "builtins", _items, _from_items),
        _Codec("set", "builtins", list, _from_list),
        _Codec("frozenset", "builtins", list, _from_list),
        _Codec("complex", "builtins", lambda value: [value.real, value.imag], _from_parts),
        _Codec("bytes", "builtins", lambda value: [value.hex()], lambda kind, parts: kind.fromhex(parts[0])),
        _Codec("bytearray", "builtins", lambda value: [value.hex()], lambda kind, parts: kind.fromhex(parts[0])),
        _Codec("range", "builtins", lambda value: [value.start, value.stop, value.step], _from_parts),
        _Codec("slice", "builtins", lambda value: [value.start, value.stop, value.step], _from_parts),
        _Codec("type", "builtins", _type_name, _builtin_type),
        _Codec("Fraction", "fractions", lambda value: [value.numerator, value.denominator], _from_parts),
        _Codec("Decimal", "decimal", lambda value: [str(value)], _from_parts),
        _Codec("deque", "collections", lambda value: [list(value), value.maxlen], _from_parts),
        _Codec("Counter", "collections", _items, _counter),
        _Codec("OrderedDict", "collections", _items, _from_items),
        _Codec("defaultdict", "collections", _items, lambda kind, parts: kind(None, dict(parts))),
        _Codec("date", "datetime", _fields("year", "month", "day"), _from_parts),
        _Codec("time", "datetime", _fields(*_CLOCK), _from_parts),
        _Codec("datetime", "datetime", _fields("year", "month", "day", *_CLOCK), _from_parts),
        _Codec("timedelta", "datetime", _fields("days", "seconds", "microseconds"), _from_parts),
    )
}

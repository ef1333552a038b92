"""The tests' way to the program's process: what it sends is hostile, and read as such.

Its exceptions are raised here as the builtin ones that they are or derive from, and what it changes in a test's lists
is changed in them.
"""

import builtins
from collections.abc import Callable
from typing import Any

from pipeline.program.proxies import Remote
from pipeline.program.serving import CALL_BACK, RAISED, VALUE
from pipeline.program.values import Frames, Malformed, TooLarge, decode, encode

GONE = "gone"
FORGED = "forged"


class Broken(BaseException):
    """The program's process is gone, or sends what no honest one sends; nothing more is learned from it."""


class CannotCross(BaseException):
    """A test gives the program a value that cannot be taken there; no test that expects exceptions may catch it."""


class Link:
    """The way to the program's process: its values in, the tests' values out."""

    def __init__(self, frames: Frames) -> None:
        self.frames = frames
        self.n_requests = 0
        self.broken = ""
        """GONE or FORGED once nothing more can be learned."""
        self.is_out_of_memory = False
        self.last_raised: BaseException | None = None
        """What the program raised last; other exceptions are the tests' own."""
        self.cannot_cross = ""
        """What a test gave that cannot be taken to the program."""
        self._stand_ins: dict[tuple[int, bool, bool], Remote] = {}
        self._exceptions: dict[int, type[BaseException]] = {}
        self._functions: list[Callable[..., Any]] = []

    def ask(self, *request: Any) -> Any:
        """One request; the program's exceptions are raised here as builtin ones of the same name."""
        self.n_requests += 1
        value, error, changes = self.exchange(request)
        if changes:
            raise self.break_off("changes of what was not given")
        if error:
            raise error
        return value

    def call(self, target: "Remote", arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call a function of the program; what it changes in its arguments is changed in the test's own."""
        self.n_requests += 1
        sent = [self.out(target), [self.out(item) for item in arguments], self.out(named)]
        value, error, changes = self.exchange(["call", *sent])
        try:
            for place, now in changes:
                old = named[place] if isinstance(place, str) else arguments[place]
                if not overwrite(old, now):
                    raise TypeError
        except (TypeError, ValueError, LookupError):
            raise self.break_off("changes that do not fit what was given") from None
        if error:
            raise error
        return value

    def exchange(self, request: Any) -> tuple[Any, BaseException | None, list[Any]]:
        """Send a request and read its reply: a value or exception, and changes. Answers calls of tests' functions."""
        message = self.message(request)
        while message and message[0] == CALL_BACK:
            message = self.message(self._called_back(*message[1:]))
        match message:
            case [str(kind), value, list(changes)] if kind == VALUE:
                return self.into(value), None, self._changes(changes)
            case [str(kind), *error, list(changes)] if kind == RAISED and len(error) == 3:
                return None, self.exception(*error), self._changes(changes)
        raise self.break_off("a reply that is none")

    def _changes(self, changes: list[Any]) -> list[Any]:
        return [(self._place(change), self.into(change[1])) for change in changes]

    def message(self, request: Any = None) -> list[Any]:
        """Send a request, if any, and read the message that comes next."""
        if self.broken:
            raise Broken(self.broken)
        try:
            if request is not None:
                self.frames.send(request)
            message = self.frames.receive()
        except TooLarge as error:
            self.cannot_cross = str(error)
            raise CannotCross(self.cannot_cross) from None
        except (EOFError, OSError):
            self.broken = GONE
            raise Broken("the program's process has ended") from None
        except Malformed as error:
            raise self.break_off(str(error)) from None
        if not isinstance(message, list) or not message:
            raise self.break_off("a message that is none")
        return message

    def break_off(self, why: str) -> Broken:
        """Learn nothing more from a program that does not keep to the protocol."""
        self.broken = FORGED
        return Broken(f"the program sent {why}")

    def _place(self, change: Any) -> int | str:
        if not (isinstance(change, list) and len(change) == 2 and type(change[0]) in (int, str)):
            raise self.break_off("a change that is none")
        place: int | str = change[0]
        return place

    def _called_back(self, *call: Any) -> list[Any]:
        match call:
            case [int(number), list(arguments), named] if 0 <= number < len(self._functions):
                function, values, keywords = self._functions[number], self.into(arguments), self.into(named)
            case _:
                raise self.break_off("a call of nothing")
        if not isinstance(keywords, dict):
            raise self.break_off("arguments that are none")
        try:
            return [VALUE, self.out(function(*values, **keywords))]
        except Exception as error:  # noqa: BLE001 - it is the program's, which called
            return [RAISED, {"type": [_builtin_name(type(error))]}, self.out(error.args)]

    def exception(self, *message: Any) -> BaseException:
        """An exception of the program, from JSON: its type, arguments and attributes."""
        kind, arguments, attributes = map(self.into, message)
        is_type = isinstance(kind, type) and issubclass(kind, BaseException)
        if not (is_type and isinstance(arguments, tuple) and isinstance(attributes, dict)):
            return self.break_off("an exception that is none")
        self.is_out_of_memory |= issubclass(kind, MemoryError)
        error = self.last_raised = _made(kind, arguments)
        for name, value in attributes.items():
            if type(name) is str and name.isidentifier() and not hasattr(error, name):
                setattr(error, name, value)
        return error

    def into(self, message: Any) -> Any:
        """A value of the program, from JSON."""
        try:
            return decode(message, self._from_number)
        except Malformed as error:
            raise self.break_off(str(error)) from None

    def _from_number(self, kind: str, payload: Any) -> Any:
        if kind == "exception":
            number, name, base = payload
            if number not in self._exceptions:
                above = decode(base, self._from_number)
                if not issubclass(above, BaseException):
                    raise TypeError(name)
                self._exceptions[number] = type(name, (above,), {})
            return self._exceptions[number]
        if kind != "handle" or type(payload) is not int:
            raise TypeError(kind)
        return self.stand_in(payload)

    def stand_in(self, number: int, *, is_class: bool = False, is_tested: bool = False) -> "Remote":
        """The one stand-in for an object in one role: what a function gives may be an instance too, yet is none."""
        key = (number, is_class, is_tested)
        return self._stand_ins.setdefault(key, Remote(self, *key))

    def out(self, value: Any) -> Any:
        """A value of the tests as JSON."""
        return encode(value, self._to_number)

    def _to_number(self, value: Any) -> Any:
        if isinstance(value, Remote):
            return {"handle": value._number}
        for number, kind in self._exceptions.items():
            if value is kind:
                return {"handle": number}
        if callable(value):
            self._functions.append(value)
            return {CALL_BACK: len(self._functions) - 1}
        self.cannot_cross = f"an object of type {type(value).__name__}"
        raise CannotCross(f"{self.cannot_cross} cannot be given to the program")


def _made(kind: type[BaseException], arguments: tuple[Any, ...]) -> BaseException:
    if issubclass(kind, BaseExceptionGroup):
        return kind("", [Exception()])  # what it groups stays with the program
    try:
        return kind(*arguments)
    except (TypeError, ValueError):
        return kind.__new__(kind)


def _builtin_name(kind: type) -> str:
    return next(base.__name__ for base in kind.__mro__ if getattr(builtins, base.__name__, None) is base)


def overwrite(old: Any, new: Any) -> bool:
    """Make a list, set or mapping what its copy has become, with the lists in it; whether that was possible."""
    if type(old) is not type(new):
        return False
    if isinstance(old, tuple):
        for mine, now in zip(old, new, strict=True):
            overwrite(mine, now)
    elif isinstance(old, list):
        for place, item in enumerate(new[: len(old)]):
            if not (isinstance(item, list | dict | set) and overwrite(old[place], item)):
                old[place] = item
        old[:] = [*old[: len(new)], *new[len(old) :]]
    elif isinstance(old, dict | set):
        kept = {key: old[key] for key in old} if isinstance(old, dict) else {}
        old.clear()
        dict.update(old, _kept(kept, new)) if isinstance(old, dict) else old.update(new)
    elif isinstance(old, bytearray) or hasattr(old, "extendleft"):
        old.clear()
        old.extend(new)
    else:
        return False
    return True


def _kept(old: dict[Any, Any], new: dict[Any, Any]) -> dict[Any, Any]:
    """The new mapping, with the old one's lists where they could be overwritten."""
    return {key: old[key] if key in old and overwrite(old[key], value) else value for key, value in new.items()}

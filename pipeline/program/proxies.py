"""What the tests hold in place of the program's functions, classes and objects: calls that go to its process.

A stand-in is never equal to plain data, and no operator takes a test's value to the program: else an object that says
yes to everything, or whose difference from any number is 0, would pass. Only what the test calls, with what it gives,
goes there; and items, length, truth and text come from there. Instances that a test makes of a class (a name that
begins with a capital letter, or that the prefix defines as a class) are what it tests: their operators are the
program's.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.program.link import Link

DATA_METHODS = frozenset(
    name
    for kind in (str, bytes, int, float, complex, list, tuple, dict, set, range)
    for name in dir(kind)
    if not name.startswith("_")
)
"""What a test calls on what it takes for plain data; an object that only looks like it must not answer."""

_FAILURES = (AssertionError, TypeError, AttributeError, NameError, LookupError)
"""What a test raises, without saying so, where the program is wrong."""


class Remote:
    """A stand-in for one object of the program."""

    __slots__ = ("_is_class", "_is_tested", "_link", "_number")

    def __init__(self, link: "Link", number: int, is_class: bool, is_tested: bool) -> None:
        object.__setattr__(self, "_link", link)
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_is_class", is_class)
        object.__setattr__(self, "_is_tested", is_tested)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__name__", "__doc__"):
            raise AttributeError(name)
        if name in DATA_METHODS and not (self._is_tested or self._is_class):
            raise AttributeError(f"{name!r}, of an object of the program's own making where plain data is wanted")
        return self._link.ask("operate", "getattr", [self._link.out(self), name])

    def __setattr__(self, name: str, value: Any) -> None:
        self._link.ask("operate", "setattr", [self._link.out(self), self._link.out(name), self._link.out(value)])

    def __delattr__(self, name: str) -> None:
        self._link.ask("operate", "delattr", [self._link.out(self), self._link.out(name)])

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        result = self._link.call(self, arguments, named)
        return tested(result) if self._is_class else result

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, Remote):
            return False
        if self._number == other._number:
            return True
        return _operate("eq", self, other) if self._is_tested or other._is_tested else False

    def __ne__(self, other: object) -> Any:
        return not self == other

    def __hash__(self) -> int:
        return int(_operate("hash", self)) if self._is_tested else hash(self._number)

    def __iter__(self) -> Iterator[Any]:
        iterator: Iterator[Any] = _operate("iter", self)
        return iterator

    def __next__(self) -> Any:
        return _operate("next", self)

    def __contains__(self, item: Any) -> bool:
        if self._is_tested:
            return bool(_operate("contains", self, item))
        return any(item is mine or item == mine for mine in self)

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, Remote) and _operate("isinstance", value, self) is True

    def __subclasscheck__(self, value: Any) -> bool:
        return isinstance(value, Remote) and _operate("issubclass", value, self) is True

    def __enter__(self) -> Any:
        return self._link.ask("enter", self._link.out(self))

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> bool:
        """Whether the program takes an exception for done with; never one that shows the test to have failed."""
        if error is not None and not isinstance(error, Exception):
            return False
        told = tuple(value for value in error.args if type(value) in (str, int, float)) if error else ()
        base = next((base for base in kind.__mro__ if base.__module__ == "builtins"), None) if kind else None
        is_taken = self._link.ask("exit", self._link.out(self), self._link.out(base), self._link.out(told))
        return is_taken is True and (error is self._link.last_raised or not isinstance(error, _FAILURES))


def tested(value: Any) -> Any:
    """An instance that a test made of a class of the program."""
    return value._link.stand_in(value._number, is_tested=True) if isinstance(value, Remote) else value


def class_named(value: Any) -> Any:
    """What a name stands for that the tests use as a class."""
    return value._link.stand_in(value._number, is_class=True) if isinstance(value, Remote) else value


def _operate(name: str, *operands: Any) -> Any:
    """An operation on a stand-in, which is one of the operands, in the program's process."""
    link = next(operand for operand in operands if isinstance(operand, Remote))._link
    return link.ask("operate", name, [link.out(operand) for operand in operands])


def _operator(name: str, *, is_reflected: bool = False) -> Callable[..., Any]:
    def operator(self: Remote, other: Any) -> Any:
        if not (self._is_tested or (isinstance(other, Remote) and other._is_tested)):
            return NotImplemented
        return tested(_operate(name, *((other, self) if is_reflected else (self, other))))

    return operator


def _question(name: str) -> Callable[..., Any]:
    def question(self: Remote, *more: Any) -> Any:
        return _operate(name, self, *more)

    return question


_ARITHMETIC = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and_",
    "or_",
    "xor",
    "lshift",
    "rshift",
)
for _name in (*_ARITHMETIC, "divmod"):
    setattr(Remote, f"__{_name.rstrip('_')}__", _operator(_name))
    setattr(Remote, f"__r{_name.rstrip('_')}__", _operator(_name, is_reflected=True))
for _name in _ARITHMETIC:
    setattr(Remote, f"__i{_name.rstrip('_')}__", _operator(f"i{_name.rstrip('_')}"))
for _name in ("lt", "le", "gt", "ge"):
    setattr(Remote, f"__{_name}__", _operator(_name))
for _name in ("len", "bool", "str", "repr", "int", "float", "complex", "index", "abs", "neg", "pos", "invert"):
    setattr(Remote, f"__{_name}__", _question(_name))
for _name in ("getitem", "setitem", "delitem", "round", "format", "reversed"):
    setattr(Remote, f"__{_name}__", _question(_name))

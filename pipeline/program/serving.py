"""The program's process: locks itself down, defines the program, and does what the other side asks of it.

It trusts nobody and is trusted by nobody: the program can change all of it, and so say what it likes about itself. It
never sees a test or a wanted value, only what is called and with what.
"""

import _operator
import _thread
import builtins
import json
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from pipeline.program.assembly import assemble
from pipeline.program.lockdown import Limits, lock_down
from pipeline.program.values import Frames, TooLarge, decode, encode

READY = "ready"
DEFINED = "defined"
VALUE = "value"
RAISED = "raised"
SYNTAX_ERROR = "syntax_error"
CALL_BACK = "call_back"

_CHANGEABLE = ("tuple", "list", "dict", "set", "bytearray", "deque", "Counter", "OrderedDict", "defaultdict")
_OPERATIONS = {**vars(builtins), **vars(_operator), "getattr": getattr, "setattr": setattr}


def main() -> None:
    """Serve until the other side is gone; arguments are the two pipes and the limits."""
    requests, replies, limits = json.loads(sys.argv[1])
    lock_down(Limits(**limits))
    del sys.argv[1:], sys.path[0]
    serve(Frames(requests, replies))


def serve(frames: Frames) -> None:
    """Define the program that the first message has, then answer requests."""
    frames.send([READY])
    prefix, code, wanted = frames.receive()
    module = sys.modules["program"] = ModuleType("program")
    try:
        compiled = compile(assemble(prefix, code, wanted), "program.py", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        frames.send([SYNTAX_ERROR, f"{type(error).__name__}: {error}"[:300]])
        return
    served = _Served(frames, module)
    reply = served.outcome(lambda: exec(compiled, module.__dict__))
    frames.send([DEFINED] if reply[0] == VALUE else reply)
    while True:
        try:
            request = frames.receive()
        except EOFError:
            sys.stdout.flush()
            os._exit(0)
        served.answer(request)


class _Served:
    """The values of the program that the other side knows by number, and how it is asked about them."""

    def __init__(self, frames: Frames, module: ModuleType) -> None:
        self.frames = frames
        self.module = module
        self.objects: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.lock = _thread.RLock()
        """Held where messages must not mix: several threads of the program may call functions of the tests."""

    def answer(self, request: Any) -> None:
        """Do one request and send its reply; what is too large to send is an error of the program."""
        operation, *rest = request
        reply = self.outcome(lambda: getattr(self, f"_{operation}")(*rest))
        with self.lock:
            try:
                self.frames.send(reply)
            except TooLarge as error:
                self.frames.send([RAISED, {"type": ["OverflowError"]}, {"tuple": [str(error)]}, {"dict": []}, []])

    def outcome(self, action: Callable[[], Any]) -> list[Any]:
        """What an action gives, or what it raises, as a reply."""
        try:
            return action() or [VALUE, None, []]
        except BaseException as error:  # noqa: BLE001 - it is raised again on the other side
            return self._raised(error)

    def _raised(self, error: BaseException) -> list[Any]:
        try:
            kind, arguments = self.out(type(error)), self.out(error.args)
        except BaseException:  # noqa: BLE001 - an exception that cannot be shown is still one
            return [RAISED, {"type": ["Exception"]}, {"tuple": []}, {"dict": []}, []]
        try:
            return [RAISED, kind, arguments, self.out(vars(error)), []]
        except BaseException:  # noqa: BLE001 - the same holds for what it has beside its arguments
            return [RAISED, kind, arguments, {"dict": []}, []]

    def _names(self, names: list[str]) -> list[Any]:
        found = {name: vars(self.module)[name] for name in names if name in vars(self.module)}
        return [VALUE, self.out(found), []]

    def _call(self, target: Any, arguments: list[Any], named: Any) -> list[Any]:
        values, keywords = self.into(arguments), self.into(named)
        function = self.into(target)
        *reply, _ = self.outcome(lambda: [VALUE, self.out(function(*values, **keywords)), []])
        before = [*enumerate(arguments), *named["dict"]]
        after = [*enumerate(values), *((key, keywords[key]) for key, _ in named["dict"])]
        changes = [
            [place, now]
            for (place, was), (_, value) in zip(before, after, strict=True)
            if type(value).__name__ in _CHANGEABLE and (now := self.out(value)) != was
        ]
        return [*reply, changes]

    def _operate(self, name: str, operands: list[Any]) -> list[Any]:
        return [VALUE, self.out(_OPERATIONS[name](*self.into(operands))), []]

    def _enter(self, target: Any) -> list[Any]:
        value = self.into(target)
        return [VALUE, self.out(type(value).__enter__(value)), []]

    def _exit(self, target: Any, kind: Any, arguments: Any) -> list[Any]:
        """Leave a `with` block, with the exception that ended it where there is one."""
        value, raised = self.into(target), self.into(kind)
        error = raised(*self.into(arguments)) if raised else None
        return [VALUE, self.out(type(value).__exit__(value, raised, error, None)), []]

    def out(self, value: Any) -> Any:
        """A value of the program as JSON."""
        return encode(value, self._number)

    def _number(self, value: Any) -> Any:
        """What stands for an object that is no plain data: its number, kept for as long as the process lives."""
        if id(value) not in self.numbers:
            self.numbers[id(value)] = len(self.objects)
            self.objects.append(value)
        number = self.numbers[id(value)]
        if isinstance(value, type) and issubclass(value, BaseException):
            return {"exception": [number, value.__name__, self.out(value.__base__)]}
        return {"handle": number}

    def into(self, message: Any) -> Any:
        """A value of the other side, from JSON."""
        return decode(message, self._found)

    def _found(self, kind: str, number: int) -> Any:
        return self._caller(number) if kind == CALL_BACK else self.objects[number]

    def _caller(self, number: int) -> Callable[..., Any]:
        """A function of the other side."""

        def call_back(*arguments: Any, **named: Any) -> Any:
            with self.lock:
                self.frames.send([CALL_BACK, number, self.out(list(arguments)), self.out(named)])
                while (message := self.frames.receive())[0] != VALUE:
                    if message[0] == RAISED:
                        raise self.into(message[1])(*self.into(message[2]))
                    self.answer(message)
                return self.into(message[1])

        return call_back

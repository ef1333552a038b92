"""The tests' process: runs the tests on stand-ins for what the program defines, confined, and reports each result.

It alone holds the way to report, and ends with a nonce that only it was given. Nothing of the program runs here, only
the trusted part of the task's prefix.
"""

import _ast
import json
import os
import random
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from pipeline.confine import CannotConfine, confine, limit_memory, read_only_python
from pipeline.program.link import FORGED, GONE, Link
from pipeline.program.proxies import Remote, class_named
from pipeline.program.serving import DEFINED, RAISED, READY, SYNTAX_ERROR
from pipeline.program.values import Frames

ONLY_AST = 0x400
MAX_TEXT = 300
START_EVENT, DEFINED_EVENT, NOT_DEFINED_EVENT, TEST_EVENT, END_EVENT = "start", "defined", "not_defined", "test", "end"


def main() -> None:
    """Run the plan on stdin; arguments are the pipes to and from the program, that of the report, and what to read."""
    to_program, from_program, report, readable, must_confine = json.loads(sys.argv[1])
    plan = json.load(sys.stdin)
    limit_memory()
    try:
        read_only_python(readable)
        confine(plan["seconds"])
    except CannotConfine:
        if must_confine:
            raise
    del sys.path[0]
    _Tester(Link(Frames(from_program, to_program)), report, plan).run()


class _Tester:
    def __init__(self, link: Link, report: int, plan: dict[str, Any]) -> None:
        self.link = link
        self.report = report
        self.plan = plan
        self.namespace: dict[str, Any] = {"__name__": "tests"}

    def tell(self, **event: Any) -> None:
        content = json.dumps(event).encode() + b"\n"
        while content:
            content = content[os.write(self.report, content) :]

    def run(self) -> None:
        """Have the program defined, run every test, and report."""
        random.seed(0)
        exec(compile(self.plan["trusted"], "prefix.py", "exec"), self.namespace)
        self.namespace |= {name: __import__(name) for name in self.plan["modules"] if name not in self.namespace}
        if self.link.message() != [READY]:
            raise self.link.break_off("something before it was ready")
        self.tell(event=START_EVENT)
        if failure := self._failure(self._define):
            self.tell(event=NOT_DEFINED_EVENT, result=failure)
        else:
            self.tell(event=DEFINED_EVENT)
            self._run_tests()
        self.tell(event=END_EVENT, nonce=self.plan["nonce"], n_requests=self.link.n_requests)

    def _define(self) -> None:
        message = self.link.message([self.plan["prefix"], self.plan["code"], self.plan["completes"]])
        match message:
            case [str(kind)] if kind == DEFINED:
                self._take_names()
                return
            case [str(kind), str(text)] if kind == SYNTAX_ERROR:
                raise SyntaxError(text)
            case [str(kind), *error, []] if kind == RAISED and len(error) == 3:
                raise self.link.exception(*error)
        raise self.link.break_off("something before its definition")

    def _take_names(self) -> None:
        """The names that tests use and that are not the trusted part of the prefix; data counts as asked for."""
        found = self.link.ask("names", self.plan["names"])
        if not isinstance(found, dict):
            raise self.link.break_off("no names")
        for name in self.plan["names"]:
            if name in found:
                value = found[name]
                self.namespace[name] = class_named(value) if name in self.plan["classes"] else value
        self.link.n_requests = sum(not isinstance(value, Remote) for value in found.values())

    def _run_tests(self) -> None:
        number = 1
        for is_test, action in self._tests():
            if is_test:
                self.tell(event=TEST_EVENT, number=number)
            failure = self._failure(action)
            if is_test or failure:
                self.tell(event=TEST_EVENT, number=number, result=failure or {"passed": True})
                number += 1

    def _tests(self) -> Iterator[tuple[bool, Callable[[], Any]]]:
        """The tests in their order, those that are functions or classes last; False with what only prepares them."""
        for text in self.plan["tests"]:
            tree = compile(text, "tests.py", "exec", ONLY_AST)
            parts = [(True, tree.body)] if self.plan["is_list"] else groups(tree.body)
            for is_test, group in parts:
                compiled = compile(_ast.Module(body=group, type_ignores=[]), "tests.py", "exec")
                yield is_test, partial(exec, compiled, self.namespace)
        entry_point = self.plan["entry_point"]
        if entry_point and "check" in self.plan["uncalled"]:
            yield True, lambda: self.namespace["check"](self._entry(entry_point))
        for name in self.plan["uncalled"]:
            if name.startswith("test"):
                yield True, self.namespace[name]
        yield from _cases(self.namespace)

    def _entry(self, name: str) -> Any:
        if name not in self.namespace:
            raise NameError(f"name {name!r} is not defined", name=name)
        return self.namespace[name]

    def _failure(self, action: Callable[[], Any]) -> dict[str, Any] | None:
        """Why an action failed, None where it did not."""
        error: BaseException | None = None
        self.link.is_out_of_memory, self.link.cannot_cross = False, ""
        try:
            action()
        except BaseException as raised:  # noqa: BLE001 - a failed test is a result
            error = raised
        if error is None and not (self.link.broken or self.link.cannot_cross):
            return None
        is_missing = isinstance(error, NameError) and getattr(error, "name", None) in self.plan["names"]
        return {
            "error": _text(error),
            "is_gone": self.link.broken == GONE,
            "is_forged": self.link.broken == FORGED,
            "is_out_of_memory": self.link.is_out_of_memory,
            "is_missing": is_missing,
            "is_syntax_error": isinstance(error, SyntaxError),
            "is_exit": isinstance(error, SystemExit),
            "cannot_judge": self.link.cannot_cross or self._lacks(error),
            "missing_library": _missing_library(error) if error is self.link.last_raised else "",
        }

    def _lacks(self, error: BaseException | None) -> str:
        """What is not here that the program or the tests need: a library, or what the tests' process may not do."""
        is_own = error is not self.link.last_raised
        if isinstance(error, ModuleNotFoundError) or (is_own and isinstance(error, ImportError | PermissionError)):
            return _text(error)
        return ""


def _missing_library(error: BaseException | None) -> str:
    """The library that an exception says is not there, or empty: the name is only in its text once it has crossed."""
    if not isinstance(error, ModuleNotFoundError):
        return ""
    found = re.match(r"No module named '([\w.]{1,100})'", _text(error).partition(": ")[2])
    return found[1] if found else "unknown"


def groups(body: list[_ast.stmt]) -> Iterator[tuple[bool, list[_ast.stmt]]]:
    """Statements up to and with each assertion, call, loop or block at the top; False with those after the last."""
    group: list[_ast.stmt] = []
    for statement in body:
        if _is_unittest_main(statement):
            continue
        group.append(statement)
        is_call = isinstance(statement, _ast.Expr) and isinstance(statement.value, _ast.Call)
        if isinstance(statement, _ast.Assert | _ast.With | _ast.For | _ast.While | _ast.Try) or is_call:
            yield True, group
            group = []
    if group:
        yield False, group


def _is_unittest_main(statement: _ast.stmt) -> bool:
    called = getattr(getattr(statement, "value", None), "func", None)
    return isinstance(called, _ast.Attribute) and called.attr == "main"


def _cases(namespace: dict[str, Any]) -> Iterator[tuple[bool, Callable[[], None]]]:
    """The methods of unittest.TestCase classes that the tests define; False with what prepares a class."""
    unittest = sys.modules.get("unittest")
    if unittest is None:
        return
    for value in list(namespace.values()):
        if isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == "tests":
            if getattr(value, "__unittest_skip__", False):
                continue
            yield False, value.setUpClass  # type: ignore[attr-defined]
            for case in unittest.defaultTestLoader.loadTestsFromTestCase(value):
                if not getattr(getattr(case, case._testMethodName), "__unittest_skip__", False):
                    yield True, case.debug


def _text(error: BaseException | None) -> str:
    """An exception in words, without asking the program."""
    if error is None:
        return "the program broke off"
    texts = [str(value) for value in error.args if type(value) in (str, int) and value != ""]
    return ": ".join([type(error).__name__, *texts])[:MAX_TEXT].encode("utf-8", "replace").decode()

"""What is read from a task's texts: whose each name is, and which function is left open."""

import re

import pytest

from pipeline.program.plan import has_test, plan_of

HEAD = '"""Doc."""\nimport math\nfrom typing import List\nLIMIT = 3\n\ndef helper(x):\n    return f(x) + math.pi\n\n'
OPEN = 'class Node:\n    pass\n\ndef f(x: List[int]) -> int:\n    """What f does."""\n'


def test_the_prefix_is_the_tests_own_but_for_what_it_leaves_open_and_its_classes() -> None:
    plan = plan_of(HEAD + OPEN, "assert helper(Node()) == LIMIT", "")
    assert (plan.names, plan.classes, plan.completes) == (("Node", "f"), ("Node",), "f")
    assert "def helper" in plan.trusted
    assert "def f" not in plan.trusted
    assert "class Node" not in plan.trusted


@pytest.mark.parametrize(
    ("test", "names", "modules"),
    [
        ("assert f(1) == g", ("f", "g"), ()),
        ("x = f(1)\nassert x == len([x])", ("f",), ()),
        ("import math\nassert math.isclose(f(1), math.pi)", ("f",), ()),
        ("assert math.isclose(f(1), 2)", ("f",), ("math",)),
        ("assert queue(1) == 2", ("queue",), ()),
        ("def check(candidate):\n    y = candidate(1)\n    assert y == [z for z in y]\ncheck(f)", ("f",), ()),
        ("def test():\n    global seen\n    seen = f(1)\n", ("f",), ()),
        ("class T(Base):\n    def test(self):\n        self.x = f(1)", ("Base", "f"), ()),
    ],
)
def test_names_that_the_program_must_define(test: str, names: tuple[str, ...], modules: tuple[str, ...]) -> None:
    plan = plan_of("", test, "")
    assert (plan.names, plan.modules) == (names, modules)


def test_a_builtin_is_the_programs_only_as_the_entry_point() -> None:
    assert plan_of("", "assert sum(1, f(2)) == 3", "").names == ("f",)
    assert plan_of("", "assert sum(1, f(2)) == 3", "sum").names == ("f", "sum")


@pytest.mark.parametrize(
    ("prefix", "completes"),
    [
        ("def f(x):", "f"),
        ("def f(x):\n", "f"),
        ("def f(x):\n    pass\n", "f"),
        ("def f(x):\n    raise NotImplementedError('later')\n", "f"),
        ("def g(x):\n    return 1\ndef f(x):\n    ...", "f"),
        ("def f(x):\n    y = (1 +\n", "f"),
        ("def f(x):\n    return 1\n", ""),
        ("x = 1", ""),
        ("", ""),
    ],
)
def test_the_function_that_a_prefix_leaves_open(prefix: str, completes: str) -> None:
    assert plan_of(prefix, "assert f(1)", "").completes == completes


def test_functions_that_nobody_calls_are_tests() -> None:
    plan = plan_of("", ("from __future__ import annotations\ndef test_a(): f()", "def helper(): f()\nhelper()"), "")
    assert plan.uncalled == ("test_a",)


@pytest.mark.parametrize(
    ("test", "entry_point", "expected"),
    [
        ("x = f()", "", False),
        ("x = f()", "f", False),
        ("if f():\n    assert f()", "", False),
        ("def check(g):\n    assert g()\nx = f()", "", False),
        ("class T(Base):\n    x = f()", "", False),
        ("import unittest\nx = f\nunittest.main()", "", False),
        ("def check(g):\n    assert g()", "f", True),
        ("def test_a():\n    f()", "", True),
        ("class T(Base):\n    def test_a(self):\n        f()", "", True),
        ("x = f()\nassert x", "", True),
        ("f()", "", True),
        ("for x in f(): x + 1", "", True),
        ("while f(): assert f()", "", True),
        ("with f(): pass", "", True),
        ("try:\n    x = f()\nexcept KeyError: pass", "", True),
        (("x = f()",), "", True),
    ],
)
def test_what_counts_as_a_test(test: str | tuple[str, ...], entry_point: str, expected: bool) -> None:
    assert has_test(plan_of("", test, entry_point)) == expected


@pytest.mark.parametrize(
    ("prefix", "place"),
    [
        ("import os\nx = = 1\n", "line 2 (invalid syntax)"),
        ("x = = 1\ndef f(x):\n", "line 1 (invalid syntax)"),
        ("]" * 10, "line 1 (unmatched ']')"),
        ("def (x):\n    pass", "line 1 (invalid syntax)"),
        ("def f(x):\n    y = 1\n  z = 2\n", "line 3 (unindent does not match any outer indentation level)"),
    ],
)
def test_a_prefix_that_no_response_can_complete_is_refused(prefix: str, place: str) -> None:
    wanted = "wanted code, or code that ends in a function without a body"
    with pytest.raises(
        ValueError, match="^" + re.escape(f"prefix: found what is no Python at {place}, {wanted}") + "$"
    ):
        plan_of(prefix, "assert f(1)", "")


@pytest.mark.parametrize("prefix", ["x = 1\0", "-" * 100_000 + "1"])
def test_a_prefix_that_the_parser_gives_up_on_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match=r"^prefix: found what is no Python \("):
        plan_of(prefix, "assert f(1)", "")


@pytest.mark.parametrize(
    "prefix",
    [
        "def f(x):\n    return ",
        "def f(x):\n    y = x +\n\n",
        "class A:\n    def f(self):\n# here",
        "x = [1,\n",
        "try:\n    a()\n",
    ],
)
def test_a_prefix_may_end_within_a_statement(prefix: str) -> None:
    assert plan_of(prefix, "assert f(1)", "").prefix == prefix


@pytest.mark.parametrize(
    ("test", "error"),
    [
        ("x = = f()", "test, line 1: found what is no Python (invalid syntax)"),
        ("assert f('\0')", "test: found what is no Python (source code string cannot contain null bytes)"),
        (("assert f()", "\nelse:"), "test 2, line 2: found what is no Python (invalid syntax)"),
        ("nonlocal x", "test, line 1: found what is no Python (nonlocal declaration not allowed at module level)"),
    ],
)
def test_a_test_that_is_no_python_is_named(test: str | tuple[str, ...], error: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(error) + "$"):
        plan_of("", test, "")

"""What is read from a task's texts: whose each name is, and which function is left open."""

import pytest

from pipeline.program.plan import plan_of

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
        ("]" * 10, ""),
        ("", ""),
    ],
)
def test_the_function_that_a_prefix_leaves_open(prefix: str, completes: str) -> None:
    assert plan_of(prefix, "assert f(1)", "").completes == completes


def test_functions_that_nobody_calls_are_tests() -> None:
    plan = plan_of("", ("from __future__ import annotations\ndef test_a(): f()", "def helper(): f()\nhelper()"), "")
    assert plan.uncalled == ("test_a",)

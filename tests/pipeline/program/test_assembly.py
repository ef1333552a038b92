"""A prefix and a response's code become one program."""

import pytest

from pipeline.program.assembly import assemble

HEAD = 'def f(x):\n    """One more."""\n'
WHOLE = "def f(x):\n    y = x\n    return y + 1\n"


@pytest.mark.parametrize(
    ("prefix", "code", "wanted"),
    [
        ("", WHOLE, ""),
        (HEAD, WHOLE, "f"),
        (HEAD, "    y = x\n    return y + 1", "f"),
        (HEAD, "y = x\n    return y + 1", "f"),
        (HEAD, "y = x\nreturn y + 1", "f"),
        (HEAD, "\n\n    y = x\n\n    return y + 1\n\nprint(f(1))", "f"),
        (HEAD, "f = lambda x: x + 1", "f"),
        (HEAD, "def g(x):\n    return x + 1\nf = g", "f"),
        (HEAD, "class A:\n    def f(self, x):\n        return x + 1\nf = A().f", "f"),
        (HEAD.rstrip(), "    return x + 1", "f"),
        ("def f(x):", "return x + 1", "f"),
        ("def f(x):", "  return x + 1", "f"),
        ("def f(x):", WHOLE, "f"),
        ("def f(x):\n    return (x +", " 1)", ""),
        ("def f(x):\n    if x:\n        return x + 1", "\n    return 1", ""),
        (HEAD, "from __future__ import annotations\n" + WHOLE, "f"),
        ("import math\n", "from __future__ import annotations, division\n" + WHOLE, ""),
        ("", "\ufeff" + WHOLE, ""),
        ("one = 1\n", "def f(x):\n    return x + one", ""),
        ("class A:\n    def g(self):\n        return 1\n", "def f(x):\n    return x + A().g()", ""),
    ],
)
def test_the_program_does_what_was_meant(prefix: str, code: str, wanted: str) -> None:
    names: dict[str, object] = {}
    exec(assemble(prefix, code, wanted), names)
    assert names["f"](5) == 6  # type: ignore[operator]


@pytest.mark.parametrize("code", ["return x +", "def", "\0", "    return 1\n  return 2"])
def test_what_is_no_program_is_a_syntax_error(code: str) -> None:
    with pytest.raises(SyntaxError):
        assemble(HEAD, code, "f")


def test_a_function_that_stays_empty_is_still_a_program() -> None:
    assert assemble(HEAD, "    pass", "f") == HEAD + "    pass"

import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arithmetic.equations import (
    MAX_DIGITS,
    MAX_TOKENS,
    Unreadable,
    chains,
    closed,
    evaluate,
    tokens_of,
    values_within,
)


def found(line: str) -> list[list[str]]:
    return [[str(part) for part in chain] for chain in chains(line)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3 * 4", 14),
        ("-9 - -3 * 2 * -9", -63),
        ("3 - (-4)", 7),
        ("{[2 + (1)] * 3}", 9),
        ("3(4 + 1)(2)", 30),
        ("2 × 3 · 4 ÷ 6", 4),
        (r"2 \times 3", 6),
        ("3 x 4", 12),
        ("(3) x (4)", 12),
        ("1,234 + 1", 1235),
        ("1 / 3", Fraction(1, 3)),
        ("0.1 + 0.2", Fraction(3, 10)),
        ("-2^2", -4),
        ("2**3", 8),
        ("5 − 8", -3),
        ("7 =", 7),
    ],
)
def test_expressions_have_exact_values(text: str, value: int | Fraction) -> None:
    assert evaluate(tokens_of(text)) == value


@pytest.mark.parametrize(
    "text",
    [
        "", "3 +", "3 4", "(3", "3)", "* 3", "a + 1", "3 = 3", "1 / 0", "1 / (2 - 2)", "5%", "5!", "√4", "3 apples",
        "9^9^9", "9^99^2", "2^0.5", "0^-1", "7" * (MAX_DIGITS + 1), "(" * 41 + "1" + ")" * 41,
        "1+" * MAX_TOKENS + "1", "2^4096", "__import__('os')",
    ],
)  # fmt: skip
def test_what_has_no_value_or_would_be_too_large_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        evaluate(tokens_of(text))


NUMBERS = st.integers(-9, 9).map(str)
TREES = st.recursive(NUMBERS, lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner), max_leaves=12)


@given(TREES)
def test_values_are_those_of_python(tree: object) -> None:
    def written(node: object) -> str:
        return f"({written(node[0])} {node[1]} {written(node[2])})" if isinstance(node, tuple) else str(node)

    assert evaluate(tokens_of(written(tree))) == eval(written(tree))


def test_a_value_that_grows_from_step_to_step_is_refused_in_the_end() -> None:
    def squared(n_times: int) -> Fraction:
        return evaluate(tokens_of("A * A"), {"A": squared(n_times - 1)}) if n_times else Fraction(3)

    assert squared(5) == 3**32
    with pytest.raises(Unreadable, match="too large"):
        squared(20)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Let's calculate A = (3 + 4) = 7.", [["A", "(3 + 4)", "7"]]),
        ("where A = 3, B = (4 - 1) and C = 2.", [["A", "3"], ["B", "(4 - 1)"], ["C", "2"]]),
        ('It is "A - B", where', [["A - B"]]),
        ("Total = 3 + 4 = 7 apples", [["3 + 4", "7"]]),
        ("**Total** = 3 + 4 = **7**", [["3 + 4", "7"]]),
        ("so $3 + 4 = 7$.", [["3 + 4", "7"]]),
        ("We add 3 and 4 to get 7.", []),
        ("A total (3 + 4) of things", []),
        ("3 + 4 = ?", [["3 + 4", ""]]),
        ("3 + 4 =", []),
        ("3 apples + 4 = 9", [["", "9"]]),
        ("apples - 4 = 9", [["", "9"]]),
        ("9 apples less 5 = 4", [["", "4"]]),
        ("We have 3 apples, so 2 * 4 = 8", [["2 * 4", "8"]]),
        ("3 + 4 = 7 and -2 + 1 = -1", [["3 + 4", "7"], ["-2 + 1", "-1"]]),
    ],
)
def test_equations_are_found_in_prose(line: str, expected: list[list[str]]) -> None:
    assert found(line) == [chain for chain in expected if chain != ["3 + 4", ""]]


def test_parts_of_an_expression_are_its_neighbours() -> None:
    values = values_within(tokens_of("(2 + 3 + 4) * 5"))
    assert {2, 5, 7, 9, 45} <= values
    assert 6 not in values


def test_brackets_are_closed_at_the_end_only() -> None:
    assert " ".join(closed(tokens_of("(1 + 2"))) == "( 1 + 2 )"
    assert " ".join(closed(tokens_of("1 + 2))"))) == "1 + 2"
    assert closed(tokens_of("(1) + (2)")) == tokens_of("(1) + (2)")


@given(st.text(alphabet="AB12+-*/^()= .,x&$\\ap", max_size=60))
def test_no_line_breaks_the_reader(line: str) -> None:
    for chain in chains(line):
        for part in chain:
            try:
                evaluate(closed(part.tokens), {"A": Fraction(2), "B": Fraction(random.Random(1).randint(1, 9))})
            except Unreadable:
                continue

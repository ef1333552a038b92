"""Expressions are read as people write them, exactly, and in time that their length bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arithmetic.equations import MAX_DEPTH
from pipeline.arithmetic.expressions import (
    FORBIDDEN_OPERATION,
    MALFORMED,
    UNREADABLE,
    NotAnExpression,
    read_expression,
)

numerals = st.integers(0, 99).map(str)
written = st.recursive(
    numerals,
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
    max_leaves=12,
)


@given(written)
def test_the_value_and_the_numbers_are_those_of_python(text: str) -> None:
    found = read_expression(text)
    assert found.value == eval(text)
    assert found.numbers == tuple(sorted(map(int, text.translate(str.maketrans("()+-*", "     ")).split())))


@given(st.lists(numerals, min_size=1, max_size=8), st.data())
def test_products_come_before_sums_and_sums_go_left_to_right(numbers: list[str], data: st.DataObject) -> None:
    signs = [data.draw(st.sampled_from("+-*")) for _ in numbers[1:]]
    text = numbers[0] + "".join(f"{sign}{number}" for sign, number in zip(signs, numbers[1:], strict=True))
    assert read_expression(text).value == eval(text)


@given(st.text(alphabet="0123456789+-*()x× =.[]{}\\$", max_size=30) | st.text(max_size=30))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    try:
        found: object = read_expression(text).value
    except NotAnExpression as error:
        found = str(error)
    assert isinstance(found, int) or found in (MALFORMED, FORBIDDEN_OPERATION, UNREADABLE)


@pytest.mark.parametrize(
    "text",
    [
        "3*8", "3 x 8", "3 X 8", "3 × 8", "3·8", "3 \\times 8", "3\\cdot 8", "3 \\ast 8", "3 \\* 8", "(3)(8)", "3(8)",
        "\\left(3\\right) \\times 8", "\\(3 \\times 8\\)", "$3 \\, \\times 8$", "[3]*{8}",
    ],
)  # fmt: skip
def test_every_way_to_write_a_product(text: str) -> None:
    assert read_expression(text).value == 24


@pytest.mark.parametrize("minus", "-−–")
def test_every_way_to_write_a_difference(minus: str) -> None:
    assert read_expression(f"{minus}3 + 8 {minus} (4 {minus} 1)").value == 2


@pytest.mark.parametrize("text", ["8 / 2", "2 ** 3", "2^3", "8 ÷ 2", "8 \\div 2", "3! * 4", "8 % 3"])
def test_other_operations_are_forbidden(text: str) -> None:
    with pytest.raises(NotAnExpression, match=FORBIDDEN_OPERATION):
        read_expression(text)


@pytest.mark.parametrize("text", ["3 8", "3 +", "* 3", "(3", "3)", "()3", "3 + + 8", "3 * -8", ")3(", "3 (8"])
def test_what_does_not_fit_together_is_malformed(text: str) -> None:
    with pytest.raises(NotAnExpression, match=MALFORMED):
        read_expression(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "x", "()", "three times 8", "3, 8", "3.5", "3 = 3", "\\frac{3}{8}", "٣", "1" * 1001, "\ud8003", "3\x00"],
)
def test_what_is_no_arithmetic_is_unreadable(text: str) -> None:
    with pytest.raises(NotAnExpression, match=UNREADABLE):
        read_expression(text)


def test_brackets_nest_to_a_limit() -> None:
    assert read_expression("(" * MAX_DEPTH + "3" + ")" * MAX_DEPTH).value == 3
    with pytest.raises(NotAnExpression, match=UNREADABLE):
        read_expression("(" * 499 + "3" + ")" * 499)


def test_the_largest_product_that_fits_is_read() -> None:
    assert read_expression("*".join(["9" * 99] * 10)).value == int("9" * 99) ** 10

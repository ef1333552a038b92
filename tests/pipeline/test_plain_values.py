from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.plain_values import equal_answers, number, same_text


@pytest.mark.parametrize(
    "text", ["5x", "5 or 6", "1/0", "9**9**9", "2 pi", "5 sqrt", "1e5", "12:30", "", "x", "1,00", "\\frac123", "٤٢"]
)
def test_what_is_no_plain_number_is_not_read_as_one(text: str) -> None:
    assert number(text) is None


@given(st.integers(-(10**12), 10**12))
def test_thousands_and_currency_change_no_value(value: int) -> None:
    for text in (str(value), f"{value:,}", f"${value}", f"{value}.00", f"{value} dollars"):
        read = number(text)
        assert read is not None
        assert read.value == value


@given(st.integers(-999, 999), st.integers(1, 999))
def test_fractions_are_exact(top: int, bottom: int) -> None:
    for text in (f"{top}/{bottom}", f"{'-' if top < 0 else ''}\\frac{{{abs(top)}}}{{{bottom}}}"):
        read = number(text)
        assert read is not None
        assert read.value == Fraction(top, bottom)


def test_a_percent_sign_may_be_left_out_but_not_misread() -> None:
    half, fifty, fifty_percent = number("0.5"), number("50"), number("50\\%")
    assert half is not None
    assert fifty is not None
    assert fifty_percent is not None
    assert fifty_percent.equals(fifty)
    assert fifty_percent.equals(half)
    assert not fifty.equals(half)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("(1, 2)", "\\left( 1,2 \\right)", True),
        ("No Solution", "no solution", True),
        ("\\text{blue}", "blue", True),
        ("1 1/2", "11/2", False),
        ("1, 234", "1,234", False),
        ("1 2", "12", False),
        ("x", "X", False),
    ],
)
def test_spaces_and_marks_change_no_text_but_part_numbers(one: str, other: str, is_same: bool) -> None:
    assert same_text(one, other) is is_same


@pytest.mark.parametrize(
    ("a", "b", "is_equal"),
    [("24", "24.0", True), ("1,000", "1000", True), ("Yes", "yes", True), ("x+1", "x + 1", True), ("24", "-24", False),
     ("(a b)\n(c d)", "(a b) (c d)", True), ("(a b)", "(b a)", False), ("1/3", "0.333", False)],
)  # fmt: skip
def test_answers_are_compared_by_value(a: str, b: str, is_equal: bool) -> None:
    assert equal_answers(a, b) == is_equal

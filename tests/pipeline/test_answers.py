from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.answers import final_answers, is_value, number, same_text


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("so \\boxed{\\frac{1}{2}}", ["\\frac{1}{2}"]),
        ("\\boxed{1} and \\boxed{2}", ["1", "2"]),
        ("\\boxed{unclosed", []),
        ("She pays 18.\n#### 18", ["18"]),
        ("in a sentence #### 18", ["18"]),
        ("in a sentence #### 18 in all", ["18 in all"]),
        ("#### 1. Find the cost", []),
        ("#### Step 2", []),
        ("The answer is 1,000 dollars. It was easy.", ["1,000 dollars"]),
        ("**Final Answer:**\n42", ["42"]),
        ("The final answer is: $\\boxed{42}$", ["42"]),
        ("The answer is that 5 apples are left", ["5"]),
        ("The answer is 5 or 6 apples", []),
        ("The answer is blue", ["blue"]),
        ("work\nA: 18", ["18"]),
        ("A: 18\nmore", []),
        ("-3/4", ["-3/4"]),
        ("$\\sqrt{2}$", ["\\sqrt{2}"]),
        ("2ab", ["2ab"]),
        ("hm", []),
        ("so it must be 4", []),
        ("4\n5", []),
        ("", []),
        ("<think>\\boxed{1}</think>\\boxed{2}", ["2"]),
        ("\\boxed{1}</think>\\boxed{2}", ["2"]),
        ("<think>\\boxed{1}", []),
        ("\\boxed{1}, so the final answer is \\boxed{2}", ["2"]),
        ("The final answer is \\boxed{1}. Or \\boxed{2}", ["1", "2"]),
        ("The final answer: see below. \\boxed{1}\n\\boxed{2}", ["1", "2"]),
        ("Look:\n```text\n42\n```", ["42"]),
        ("Look:\n```\nStep one\n```", []),
        ("```\n41\n42\n```", []),
        ("```\n41\n```\nmore", []),
        ("The answer is (B)", ["(B)"]),
        ("The answer is B) 42 apples", ["B) 42 apples"]),
        ("The answer isn't 5", []),
        ("The answer is not 5", []),
        ("The answer is at least 5", []),
        ("The answer is about 5", ["5"]),
        ("The answer is " + "x" * 301, []),
        ("#### " + "4" * 2000, []),
        ("\\boxed{\\begin{pmatrix} 1 \\\\ 2 \\\\\\end{pmatrix}}", ["\\begin{pmatrix} 1 \\\\ 2 \\\\\\end{pmatrix}"]),
    ],
)
def test_final_answers_are_explicit(text: str, answers: list[str]) -> None:
    assert [answer.strip("$") for answer in final_answers(text)] == answers


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


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(text: str) -> None:
    assert all(isinstance(answer, str) for answer in final_answers(text))
    assert is_value(text) in (True, False)


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


def test_a_calculators_note_is_no_part_of_an_answer() -> None:
    assert final_answers("6 * 7 = <<6*7=42>>42.\nThe answer is <<42=42>>42.\n#### 42") == ["42", "42"]

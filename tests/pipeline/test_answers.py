import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.answers import final_answers
from pipeline.plain_values import is_value


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


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(text: str) -> None:
    assert all(isinstance(answer, str) for answer in final_answers(text))
    assert is_value(text) in (True, False)


def test_a_calculators_note_is_no_part_of_an_answer() -> None:
    assert final_answers("6 * 7 = <<6*7=42>>42.\nThe answer is <<42=42>>42.\n#### 42") == ["42", "42"]


def test_points_for_each_answer_are_no_answer() -> None:
    assert final_answers("24 answers * 2 points/answer = 48 points.\n#### 66") == ["66"]

import pytest

from pipeline.math_answers.equality import Rules, equal
from pipeline.math_answers.values import Unreadable


def unsure(gold: str, answer: str, tolerance: float) -> None:
    """In place of a comparison of expressions."""


def by_text(gold: str, answer: str, tolerance: float) -> bool:
    return gold == answer


@pytest.mark.parametrize(
    ("gold", "answer", "is_equal"),
    [
        ("\\{x+1, 2\\}", "\\{2, x+1\\}", True),
        ("\\{x+1, 2\\}", "\\{2, 1+x\\}", None),
        ("\\{x+1, 2\\}", "\\{3, 1+x\\}", None),
        ("(x+1, 2)", "(1+x, 3)", False),
        ("x+1, x+1, 2", "2, 1+x, x+1", None),
        ("1, 2, 2", "2, 1, 1", False),
        ("((1,2),(3,4))", "((1,2),(3,5))", False),
    ],
)
def test_what_cannot_be_told_of_one_item_is_told_of_the_whole_where_another_differs(
    gold: str, answer: str, is_equal: bool | None
) -> None:
    assert equal(gold, answer, Rules(), unsure) is is_equal


def test_too_many_values_without_order_cannot_be_told_apart() -> None:
    many = ", ".join(str(n) for n in range(100))
    assert equal(f"\\{{{many}\\}}", f"\\{{{many}, 100\\}}", Rules(), unsure) is None
    assert equal(f"({many})", f"({many}, 100)", Rules(), unsure) is False


def test_deep_brackets_are_one_expression() -> None:
    deep = "(" * 9 + "1, 2" + ")" * 9
    assert equal(deep, deep.replace("2", "3"), Rules(), by_text) is False


@pytest.mark.parametrize("answer", ["", " ", ".", "$ $", "4\u200b2", "٤٢", "1_000", "0x41", "x" * 1001, "41 = 42"])
def test_what_is_no_answer_is_unreadable(answer: str) -> None:
    with pytest.raises(Unreadable):
        equal("(1, 2)", answer, Rules(), unsure)


def test_numbers_reach_the_comparison_of_expressions_without_their_units() -> None:
    asked: list[tuple[str, str]] = []

    def note(gold: str, answer: str, tolerance: float) -> bool:
        asked.append((gold, answer))
        return False

    equal("5 feet", "\\sqrt{25}", Rules(), note)
    equal("2\\pi", "50%", Rules(), note)
    assert asked == [("5", "\\sqrt{25}"), ("2\\pi", "50"), ("2\\pi", "\\frac{1}{2}")]

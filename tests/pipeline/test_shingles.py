"""What texts are compared by."""

import pytest

from pipeline.shingles import jaccard, normalised, own_shingles, shingles


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("Two  Words\n", "two words"),
        ("ﬁne ＡＢＣ", "fine abc"),
        ("STRASSE", "straße"),
        ("10²³", "10^23"),
        ("x₁", "x_1"),
    ],
)
def test_spelling_of_the_same_text_does_not_count(text: str, same_as: str) -> None:
    assert normalised(text) == normalised(same_as)


@pytest.mark.parametrize(("a", "b"), [("10²", "102"), ("x₁", "x1"), ("a+b", "a-b"), ("3 8 5", "3 8 6")])
def test_texts_that_mean_something_else_stay_apart(a: str, b: str) -> None:
    assert normalised(a) != normalised(b)


def test_a_text_shorter_than_a_shingle_is_one_shingle() -> None:
    assert len(shingles("make 24", 5)) == 1
    assert len(shingles("", 5)) == 1
    assert shingles("make 24", 5) != shingles("make 25", 5)


def test_shingles_are_runs_of_words_and_of_han_characters() -> None:
    assert len(shingles("a b c d e f", 5)) == 2
    assert len(shingles("小明有三个苹果", 5)) == 3


def test_empty_sets_are_not_alike() -> None:
    assert jaccard(frozenset(), frozenset()) == 0.0


def test_what_most_texts_of_a_group_share_is_not_their_own() -> None:
    texts = [shingles(f"{'solve this well please now ' * 2}story{i} of case{i}", 1) for i in range(20)]
    assert own_shingles(texts, ["a"] * 20, 0.1)[7] == shingles("story7 case7", 1)


def test_a_template_is_one_of_its_group() -> None:
    texts = [shingles(f"shared word{i}", 1) for i in range(20)]
    assert own_shingles(texts, [str(i % 4) for i in range(20)], 0.1) == texts


def test_a_few_copies_are_not_a_template() -> None:
    texts = [shingles(f"copied word{i}" if i < 9 else f"word{i}", 1) for i in range(30)]
    assert own_shingles(texts, ["a"] * 30, 0.1) == texts


def test_a_text_of_stock_pieces_has_nothing_of_its_own() -> None:
    texts = [shingles(f"p{i % 2} q{i % 3} r{i % 5} own{i}", 1) for i in range(60)]
    assert own_shingles(texts, ["a"] * 60, 0.1) == [frozenset()] * 60


def test_without_a_cap_nothing_is_template() -> None:
    texts = [shingles("shared", 1)] * 30
    assert own_shingles(texts, [None] * 30, 1.0) == texts

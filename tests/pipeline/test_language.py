"""Languages and scripts, short texts included."""

import pytest

from pipeline.language import letters, mixed_in, other_language
from schemas.errors import RecipeError

ENGLISH = (
    "Anna buys three books at twelve euros each and two notebooks at four euros each. She pays with a fifty euro note. "
    "How much money does she get back, and how many more notebooks could she buy with the change if prices stay equal?"
)
FRENCH = (
    "Marie achète trois livres à douze euros chacun et deux cahiers à quatre euros. Elle paie avec un billet de "
    "cinquante euros. Combien d'argent lui rend le vendeur, et combien de cahiers pourrait-elle encore acheter ?"
)
RUSSIAN = "Анна купила три книги по двенадцать рублей. Сколько она заплатила? Пусть x — число книг."
CHINESE = "小明买了三本书，每本十二元，又买了两本练习本，每本四元。他付了 50 元，应找回多少元？"


@pytest.mark.parametrize(("text", "language"), [(ENGLISH, "en"), (FRENCH, "fr"), (RUSSIAN, "ru"), (CHINESE, "zh")])
def test_a_text_is_in_its_own_language(text: str, language: str) -> None:
    assert other_language(text, language) is None


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        (FRENCH, "en", "fr"),
        (ENGLISH, "fr", "en"),
        (RUSSIAN, "en", "99% foreign letters (cyrillic)"),
        (ENGLISH, "zh", "100% latin letters"),
        (ENGLISH + " 小明买了三本书", "en", "4% foreign letters (cjk)"),
    ],
)
def test_another_language_is_named(text: str, language: str, found: str) -> None:
    assert other_language(text, language) == found


@pytest.mark.parametrize(
    "text", [r"Find $\cos\theta$ if α = π/3 and β² ∈ ℝ, |ℵ| > Ш", "3 + 5 = ?", "", "Combien ?", "𝐏(𝒙) = 𝔼[x]"]
)
def test_formulas_and_short_texts_are_not_another_language(text: str) -> None:
    assert other_language(text, "en") is None


def test_an_unknown_language_is_the_users_mistake() -> None:
    with pytest.raises(RecipeError, match=r"screen\.language: unknown language 'english'"):
        other_language("x", "english")


def test_a_response_may_use_the_scripts_of_its_prompt_and_latin() -> None:
    assert mixed_in("Translate " + CHINESE, CHINESE) is None
    assert mixed_in(ENGLISH, CHINESE) is None
    assert mixed_in(ENGLISH + CHINESE, ENGLISH) is not None


def test_letters_of_formulas_are_left_out() -> None:
    assert letters(r"\frac{a}{b} α 12") == {"LATIN": 2}

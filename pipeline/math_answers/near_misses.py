"""Answers that are wrong though they are almost the right one: one digit, a sign, two numbers the other way round."""

import re
from collections.abc import Iterator
from fractions import Fraction

from pipeline.math_answers.multiple_choice import LETTERS, choice
from pipeline.math_answers.quantities import Quantity, Ratio
from pipeline.math_answers.values import Items, Named, Unreadable, Words, read

ONE_DIGIT = "one_digit"
SIGN_FLIPPED = "sign_flipped"
OFF_BY_ONE = "off_by_one"
POINT_SHIFTED = "point_shifted"
UPSIDE_DOWN = "upside_down"
ONE_ITEM = "one_item"
ITEM_LEFT_OUT = "item_left_out"
ORDER_SWAPPED = "order_swapped"
BRACKET_CHANGED = "bracket_changed"
OTHER_CHOICE = "other_choice"
OPPOSITE = "opposite"

_NUMERAL = re.compile(r"(?<![A-Za-z_^{])[0-9][0-9,]*(?:\.[0-9]+)?")
_OPPOSITES = {"yes": "no", "no": "yes", "true": "false", "false": "true", "infinity": "-\\infty"}
_BRACKETS = {"()": ("[]", "(]"), "[]": ("()", "[)"), "(]": ("()", "[]"), "[)": ("()", "[]")}


def near_answers(gold: str) -> Iterator[tuple[str, str]]:
    r"""Kind and text of each; a few may equal the gold answer, and are to be left out by who compares.

    >>> dict(near_answers("(1, -2)"))["order_swapped"], dict(near_answers("3/4"))["upside_down"]
    ('(-2, 1)', '4/3')
    """
    if (found := choice(gold)) is not None:
        yield OTHER_CHOICE, LETTERS[(LETTERS.index(found[0].upper()) + 1) % 4]
        return
    try:
        value = read(gold)
    except Unreadable:
        return
    if isinstance(value, Named):
        yield from ((kind, f"{value.name} = {text}") for kind, text in near_answers(value.value))
    elif isinstance(value, Items):
        yield from _near_items(value)
    elif isinstance(value, Words):
        if value.canonical in _OPPOSITES:
            yield OPPOSITE, _OPPOSITES[value.canonical]
    elif isinstance(value, Ratio):
        yield ORDER_SWAPPED, ":".join(map(str, value.parts[::-1]))
    else:
        yield from _near_number(gold)
        if isinstance(value, Quantity):
            yield from _near_quantity(value)


def _near_number(text: str) -> Iterator[tuple[str, str]]:
    """Changes of a number or of an expression, as it is written."""
    for numeral in list(_NUMERAL.finditer(text))[:2]:
        for place in dict.fromkeys((numeral.end() - 1, numeral.start())):
            digit = str((int(text[place]) + 1) % 10) if text[place].isdigit() else text[place]
            yield ONE_DIGIT, text[:place] + digit + text[place + 1 :]
    bare = text.strip().strip("$").strip()
    yield SIGN_FLIPPED, bare[1:].strip() if bare.startswith("-") and len(bare) > 1 else f"-{_grouped(bare)}"


def _grouped(text: str) -> str:
    return f"({text})" if re.search(r"(?<!^)[-+]", text) else text


def _near_quantity(number: Quantity) -> Iterator[tuple[str, str]]:
    unit = f" {number.unit.words}" if number.unit.words else ""
    percent = "%" if number.is_percent else ""
    for kind, value in (
        (OFF_BY_ONE, number.value + 1),
        (OFF_BY_ONE, number.value - 1),
        (POINT_SHIFTED, number.value * 10),
    ):
        yield kind, f"{value}{percent}{unit}"
    if number.value and number.value.denominator > 1:
        yield UPSIDE_DOWN, f"{1 / Fraction(number.value)}{percent}{unit}"


def _near_items(items: Items) -> Iterator[tuple[str, str]]:
    """One of several values changed, left out, or exchanged with its neighbour, and other brackets."""
    values = list(items.items)
    for place in {0, len(values) - 1}:
        for _, text in list(near_answers(values[place]))[:2]:
            yield ONE_ITEM, _bracketed(items.brackets, [*values[:place], text, *values[place + 1 :]])
    if len(values) > 1 and items.brackets != "[[":
        yield ITEM_LEFT_OUT, _bracketed(items.brackets, values[:-1])
    if len(values) > 1 and items.brackets in ("()", "[["):
        yield ORDER_SWAPPED, _bracketed(items.brackets, [values[1], values[0], *values[2:]])
    if len(values) == 2:
        yield from ((BRACKET_CHANGED, _bracketed(other, values)) for other in _BRACKETS.get(items.brackets, ()))


def _bracketed(brackets: str, values: list[str]) -> str:
    inner = ", ".join(values)
    if not brackets:
        return inner
    opening, closing = ("[", "]") if brackets == "[[" else tuple(brackets)
    escape = "\\" if opening == "{" else ""
    return f"{escape}{opening}{inner}{escape}{closing}"

"""Units of measure in answers: which words name the same unit, and how many of one make another, exactly.

Only units that a conversion can be exact for are here, and only one unit over another (`km/h`, "dollars per hour").
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

_INCH = Fraction(254, 10_000)
_POUND = Fraction(45_359_237, 10**8)

_TABLE: dict[str, dict[str, Fraction | int]] = {
    "length": {
        "mm millimeter millimetre": Fraction(1, 1000), "cm centimeter centimetre": Fraction(1, 100),
        "dm decimeter decimetre": Fraction(1, 10), "m meter metre": 1, "km kilometer kilometre": 1000,
        "in inch": _INCH, "ft foot feet": 12 * _INCH, "yd yard": 36 * _INCH, "mi mile": 63_360 * _INCH,
    },
    "mass": {
        "mg milligram": Fraction(1, 10**6), "g gram": Fraction(1, 1000), "kg kilogram kilo": 1, "tonne": 1000,
        "oz ounce": _POUND / 16, "lb pound": _POUND,
    },
    "time": {
        "ms millisecond": Fraction(1, 1000), "s sec second": 1, "min minute": 60, "h hr hour": 3600,
        "day": 86_400, "week": 604_800, "month": 2_629_800, "year yr": 31_557_600,
    },
    "volume": {"ml milliliter millilitre": Fraction(1, 1000), "l liter litre": 1},
    "dollars": {"usd dollar": 1, "cent": Fraction(1, 100)},
    "euros": {"eur euro": 1},
    "yen": {"jpy yen": 1},
    "celsius": {"celsius": 1},
    "fahrenheit": {"fahrenheit": 1},
    "angle": {"deg degree": 1},
    "radians": {"rad radian": 1},
}  # fmt: skip
"""A dimension, the names of each of its units, and how many of the dimension's first measure one of it is."""

_KNOWN = {
    name: (dimension, Fraction(size))
    for dimension, units in _TABLE.items()
    for names, size in units.items()
    for name in names.split()
}
# The word "pounds" stands for money as well as for mass, so that the sign has to be the same unit.
_PREFIXES = {"$": "usd", "€": "eur", "£": "pound", "¥": "jpy"}
_POWER_WORDS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3, "squared": 2, "cubed": 3}
MULTIPLES = {
    "dozen": 12, "hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9, "trillion": 10**12,
}  # fmt: skip
"""Words between a number and its unit that multiply it."""
MULTIPLE = re.compile(rf"\s*\b({'|'.join(MULTIPLES)})s?\b(?:\s+of\b)?", re.IGNORECASE)
_OVER = re.compile(r"\s*/\s*|\s+(?:per|an?|each|every)\s+")
_WORD = re.compile(r"([a-z]+)\.?(?:\s*\^?\s*\{?([23])\}?)?")


def multiple(words: str) -> tuple[int, str]:
    """What the words behind a number multiply it by, and the rest of them.

    >>> multiple(" million dollars"), multiple(" eggs")
    ((1000000, ' dollars'), (1, ' eggs'))
    """
    times = 1
    while match := MULTIPLE.match(words):
        times, words = times * MULTIPLES[match[1].lower()], words[match.end() :]
    return times, words


class Measure(NamedTuple):
    """What a unit measures, and how much of it one unit is."""

    dimension: str
    power: int
    size: Fraction


class Unit(NamedTuple):
    """The words behind a number, and what is known of them: above and below the "per"."""

    words: str
    above: Measure | None = None
    below: Measure | None = None


NO_UNIT = Unit("")


@lru_cache(maxsize=4096)
def unit(words: str, sign: str = "") -> Unit:
    """The unit that words, or a currency's sign, name; without measures where they name none that is known.

    >>> unit("cm").above == unit("centimetres").above, unit("square feet").above.power, unit("apples").above
    (True, 2, None)
    """
    text = " ".join(words.lower().replace("²", "^2").replace("³", "^3").split())
    above, *below = _OVER.split(text, maxsplit=1)
    return Unit(text, _measure(_PREFIXES.get(sign) or above), _measure(below[0]) if below else None)


def _measure(text: str) -> Measure | None:
    """The measure that a phrase begins with: "hours of work" are hours."""
    power = 0
    if text.startswith("in "):
        return None  # "5 in all" has no inches
    for word in re.findall(r"[a-z]+\.?(?:\s*\^\s*\{?[23]\}?|[23])?", text)[:4]:
        match = _WORD.fullmatch(word)
        if match is None:
            return None
        if match[1] in _POWER_WORDS:
            power = _POWER_WORDS[match[1]]
            continue
        known = _KNOWN.get(match[1]) or _KNOWN.get(_singular(match[1]))
        if known is None:
            return None
        power = int(match[2] or power or _power_after(text))
        return Measure(known[0], power, known[1] ** power)
    return None


def _power_after(text: str) -> int:
    """The power that is said behind a unit: "metres squared"."""
    return next((_POWER_WORDS[word] for word in text.split()[1:2] if word in ("squared", "cubed")), 1)


def _singular(word: str) -> str:
    return word[:-2] if word.endswith("ches") else word.removesuffix("s")


def conversion(gold: Unit, answer: Unit) -> Fraction | None:
    """By what to multiply an amount in one unit to have it in the other; None where they measure different things.

    What one of them leaves out, or is not known, is no difference.

    >>> conversion(unit("cm"), unit("metres")), conversion(unit("feet"), unit("hours"))
    (Fraction(1, 100), None)
    """
    factor = Fraction(1)
    for ours, theirs, exponent in ((gold.above, answer.above, 1), (gold.below, answer.below, -1)):
        if ours and theirs:
            if ours[:2] != theirs[:2]:
                return None
            factor *= (ours.size / theirs.size) ** exponent
    return factor


def same_unit(gold: Unit, answer: Unit) -> bool:
    """Whether both name their unit, known or not, and mean the same by it."""
    if gold.above or answer.above:
        both = (gold.above, answer.above), (gold.below, answer.below)
        return all((a is None) == (b is None) for a, b in both) and conversion(gold, answer) is not None
    return [_singular(word) for word in gold.words.split()] == [_singular(word) for word in answer.words.split()]

"""Plain values of answers: numbers read exactly, and texts compared but for marks that change no value.

Nothing here evaluates an expression: a text that is no plain number is left to a symbolic comparison.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from pipeline.math_answers.units import MULTIPLES, multiple

MAX_ANSWER_CHARS = 1_000
MAX_PHRASE_CHARS = 300
"""A longer line behind a mark is no answer: cutting it off would make another answer of it."""
NUMERAL = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,60})(?:\.[0-9]{1,60})?|\.[0-9]{1,60})"
"""A decimal, perhaps with thousands; other digits than these may not be what they look like."""
FRACTION = (
    r"\\frac\s*(?:\{\s*(?P<top>[0-9]{1,60})\s*\}|(?P<top1>[0-9]))"
    r"\s*(?:\{\s*(?P<under>[0-9]{1,60})\s*\}|(?P<under1>[0-9]))"
)
"""A fraction in LaTeX; without braces it has one digit above and one below."""
_NUMBER = re.compile(
    rf"(?P<sign>[-+]?)\s*(?:(?P<whole>{NUMERAL})(?:\s*/\s*(?P<below>{NUMERAL}))?|{FRACTION})"
    r"\s*(?P<percent>%|percent\b)?\s*(?P<unit>[^\d\\=<>+*^(){}]*)"
)
_UNIT = re.compile(r"(?:per|an?|of|in|the|cm|mm|km|kg|ft|oz|lbs?|hrs?|mph|[a-z]{3,})", re.IGNORECASE)
_NO_UNIT = re.compile(
    "and|but|cos|exp|infinity|log|minus|mod|not|over|plus|sin|sqrt|tan|than|times|factorial"
    "|halves|thirds|fourths|fifths|sixths|sevenths|eighths|ninths|tenths|hundredths|thousandths|millionths"
    f"|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:{'|'.join(MULTIPLES)})s?",
    re.IGNORECASE,
)
_FUNCTIONS = re.compile(r"\\[a-zA-Z]+|\b(?:sqrt|sin|cos|tan|log|exp|pi|inf)\b")
_WORD = re.compile(r"[A-Za-z]{3,}|\b[A-Za-z]{2}\b")
_FRAC = re.compile(r"\\[dt]frac")
_TEXT = re.compile(r"\\(?:text(?:bf|it|rm|normal)?|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
_DEGREE = re.compile(r"\^\s*\{?\\circ\}?|°")
_PARTING = re.compile(r"(?<=\d) (?=\d)|(?<=\d,) (?=\d{3}(?!\d))")
_DROPPED = re.compile(r"\\left|\\right|\\[!,;: ]|\\displaystyle|\\\(|\\\)|\\\[|\\\]|[$€£¥`]|(?<![*])\*\*(?![*\d])")


@dataclass(frozen=True)
class Number:
    """An exact number, and whether it stands before a percent sign."""

    value: Fraction
    is_percent: bool = False

    def equals(self, other: "Number") -> bool:
        """Equal values; where one alone has a percent sign, 50 % is both 50 and 0.5."""
        if self.is_percent == other.is_percent:
            return self.value == other.value
        percent, plain = (self, other) if self.is_percent else (other, self)
        return plain.value in (percent.value, percent.value / 100)


def is_value(text: str) -> bool:
    r"""Whether a short text is a value rather than a sentence or a heading.

    >>> [is_value(t) for t in ("18 dollars", r"\frac{\sqrt{2}}{2}", "Step 1: add them up")]
    [True, True, False]
    """
    text = text.strip()
    if not text or len(text) > MAX_ANSWER_CHARS or "\\box" in text:
        return False
    if number(text) is not None:
        return True
    plain = _FUNCTIONS.sub(" ", re.sub(r"\\text\s*\{[^{}]*\}", " ", text))
    return bool(re.search(r"\w|\\", text)) and "\n" not in text and not _WORD.search(plain)


def number(text: str) -> Number | None:
    r"""A plain number: decimal, fraction, thousands, currency, percent, a unit in words behind it; else None.

    >>> [str(number(t).value) for t in ("$1,234.50", r"-\frac{3}{4}", "18 dollars a day", "0.333")]
    ['2469/2', '-3/4', '18', '333/1000']
    >>> number("5x"), number("1/0"), number("9**9**9")
    (None, None, None)
    """
    if len(text) > MAX_PHRASE_CHARS:
        return None
    match = _NUMBER.fullmatch(tidy(text))
    if match is None:
        return None
    times, unit = multiple(match["unit"])
    if not is_unit(unit):
        return None
    top = match["whole"] or match["top"] or match["top1"]
    under = match["below"] or match["under"] or match["under1"] or "1"
    below = Fraction(under.replace(",", ""))
    if not below:
        return None
    value = times * Fraction(top.replace(",", "")) / below
    return Number(-value if match["sign"] == "-" else value, match["percent"] is not None)


def is_unit(text: str) -> bool:
    """Whether what follows a number may be its unit: nothing, or a few words that are no names of functions."""
    words = re.split(r"[\s/.]+", text.strip().rstrip("."))
    return words == [""] or (
        len(words) <= 5
        and words[0].lower() not in ("squared", "cubed")
        and all(_UNIT.fullmatch(word) and not _NO_UNIT.fullmatch(word) for word in words)
    )


@lru_cache(maxsize=1024)
def tidy(text: str) -> str:
    """A text without the marks that change no value."""
    text = _DROPPED.sub("", text.replace("\\$", "").replace("\\%", "%").replace("{,}", ",").replace("−", "-"))
    text = _TEXT.sub(r" \1 ", _FRAC.sub(r"\\frac", text)) if "\\" in text else text
    return _DEGREE.sub("", text).strip().rstrip(".").strip()


def same_text(one: str, other: str, *, is_case_kept: bool = False) -> bool:
    r"""Equal but for spaces and marks that change no value; words in any case, unless it is kept.

    >>> same_text(r"\left( 1,2 \right)", "(1, 2)"), same_text("1 1/2", "11/2"), same_text("1, 234", "1,234")
    (True, False, False)
    """
    one, other = plain_text(one), plain_text(other)
    is_words = one.isalpha() and other.isalpha() and min(len(one), len(other)) > 1
    return one == other or (is_words and not is_case_kept and one.casefold() == other.casefold())


def equal_answers(one: str, other: str) -> bool:
    """Whether two answers are equal as numbers, or as texts but for spaces and marks.

    >>> equal_answers("1,234.50", "$1234.5"), equal_answers("x + 1", "x+1"), equal_answers("0.5", "0.51")
    (True, True, False)
    """
    if same_text(one, other):
        return True
    first, second = number(one), number(other)
    return first is not None and second is not None and first.equals(second)


def plain_text(text: str) -> str:
    """Without marks, and spaces but for those that part two numbers: 1 1/2 is not 11/2, and 1, 234 is not 1,234."""
    text = _PARTING.sub("\0", " ".join(tidy(text).split()))
    return text.replace(" ", "").replace("\0", " ")

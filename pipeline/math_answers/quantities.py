r"""Read numbers exactly, with their percent sign and unit: decimals, fractions, mixed numbers, powers of ten, times.

Every form has its own pattern, with a bound on its digits; what fits none is no quantity.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from pipeline.math_answers.units import NO_UNIT, Unit, multiple, unit
from pipeline.plain_values import FRACTION, NUMERAL, is_unit, tidy

MAX_EXPONENT = 100

_VARIABLES = tuple(map(set, ("abcd", "xyz", "pqrst", "klmn", "rh", "lwh", "mgh")))
"""Letters that stand together as variables."""

_SIGN = r"(?P<sign>[-+]?)\s*"
_UNDER = rf"(?:(?P<over>[0-9]{{1,60}})\s*/\s*(?P<below>[0-9]{{1,60}})|{FRACTION})"
_TAIL = (
    r"(?:\s*(?P<percent>%|percent\b))?"
    r"(?P<unit>(?:[A-Za-z/. ]*[A-Za-z]\s*(?:\^\s*\{?[23]\}?|[²³])(?:\s*/\s*[A-Za-z]+)?|[A-Za-z/. ]*))"
)
_FORMS = [
    re.compile(_SIGN + form + _TAIL)
    for form in (
        rf"(?P<whole>{NUMERAL})(?:\s*/\s*(?P<below>{NUMERAL}))?",
        FRACTION,
        rf"(?P<whole>[0-9]{{1,30}})(?:\s+|(?=\\frac)){_UNDER}",
        r"(?P<whole>[0-9]{1,3}(?:\ [0-9]{3})+(?:\.[0-9]{1,60})?)",
        rf"(?P<whole>{NUMERAL})(?:[eE](?P<power>[-+]?[0-9]{{1,3}})"
        r"|\s*(?:\\times|\\cdot|×|·|\*|x)\s*10\s*\^\s*(?:\{\s*(?P<ten>[-+]?[0-9]{1,3})\s*\}|(?P<ten1>[-+]?[0-9]{1,3})))",
        r"(?P<one>10)\s*\^\s*(?:\{\s*(?P<ten>[-+]?[0-9]{1,3})\s*\}|(?P<ten1>[0-9]))",
        r"(?P<before>[0-9]{0,30})\.(?P<after>[0-9]{0,30})\\(?:overline|bar)\s*"
        r"(?:\{(?P<again>[0-9]{1,30})\}|(?P<again1>[0-9]))",
    )
]
DATE = re.compile(
    r"\b(?:jan(?:uary)?|feb(?:ruary)?|march|april|may|june|july|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?"
    r"|dec(?:ember)?)\b",
    re.IGNORECASE,
)
"""A month, behind whose day there is no unit."""
_CURRENCY = re.compile(r"[-+]?\s*(?:\\?(\$)|([€£¥]))\s*[-+0-9.]")
_DEGREES = re.compile(r"\s*(?:\^\s*\{?\s*\\circ\s*\}?|°)\s*(?:\\(?:text|mathrm)\{\s*([CF])\s*\}|([CF])\b)?")
_SCALES = {"C": " celsius", "F": " fahrenheit", "": " degrees"}
_IN_BRACKETS = re.compile(r"\(([^(),]*)\)|\[([^\[\],]*)\]")
_RATIO = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,9})?(?:\s*:\s*[0-9]{1,30}(?:\.[0-9]{1,9})?)+")
_TO = re.compile(r"([0-9]{1,30})\s+to\s+([0-9]{1,30})")
_CLOCK = re.compile(r"([0-9]{1,2})(?::([0-9][0-9]))?\s*([ap])\.?\s?m\.?", re.IGNORECASE)
_BASED = re.compile(r"([0-9A-Z]{1,60})_\{?([0-9]{1,2})\}?")
_NUMERALS = {
    name: value
    for value, name in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
}


@dataclass(frozen=True)
class Quantity:
    """An exact number with its percent sign and unit; `decimals` are the digits behind its decimal point.

    `times` is what a word such as "million" behind it has multiplied it by.
    """

    value: Fraction
    is_percent: bool = False
    unit: Unit = NO_UNIT
    decimals: int | None = None
    times: int = 1


@dataclass(frozen=True)
class Based:
    """Digits in a number system: 1010_2."""

    digits: str
    base: int

    @property
    def value(self) -> int:
        """What the digits are worth."""
        return int(self.digits, self.base)


@dataclass(frozen=True)
class Ratio:
    """Two or more numbers with colons between them; those of a time of day are an hour and two digits."""

    parts: tuple[Fraction, ...]
    is_clock: bool = False


@dataclass(frozen=True)
class Clock:
    """A time of day with am or pm, in minutes after midnight."""

    minutes: int


def quantity(text: str) -> Quantity | None:
    r"""A number in any of the forms, else None.

    >>> [str(quantity(t).value) for t in ("$1,234.50", r"1\frac{1}{2}", "-1 1/2", r"2.5 \times 10^{3} m", "1e-2")]
    ['2469/2', '3/2', '-3/2', '2500', '1/100']
    >>> quantity("5x"), quantity("1/0"), quantity("9**9**9"), quantity("0x41"), quantity("1_000")
    (None, None, None, None, None)
    """
    currency = _CURRENCY.match(text)
    plain = tidy(_DEGREES.sub(lambda found: _SCALES[found[1] or found[2] or ""], text))
    if bare := _IN_BRACKETS.fullmatch(plain):
        plain = (bare[1] or bare[2] or "").strip()
    if plain.casefold() in _NUMERALS:
        return Quantity(Fraction(_NUMERALS[plain.casefold()]))
    for form in _FORMS:
        match = form.fullmatch(plain)
        if match and (read := _quantity(match, (currency[1] or currency[2]) if currency else "")):
            return read
    return None


def _quantity(match: re.Match[str], sign: str) -> Quantity | None:
    found = {name: value for name, value in match.groupdict().items() if value}
    times, words = multiple(found.get("unit", ""))
    named = unit(words.strip().rstrip("."), sign)
    if words.strip() and not _is_unit(words, named):
        return None
    value = _value(found)
    if value is None:
        return None
    _, point, digits = found.get("whole", "").partition(".")
    is_decimal = point and times == 1 and not {"over", "below", "top", "top1", "power", "ten", "ten1"} & found.keys()
    value *= -times if found.get("sign") == "-" else times
    return Quantity(value, "percent" in found, named, len(digits) if is_decimal else None, times)


def _is_unit(text: str, named: Unit) -> bool:
    """Whether what follows a number is a unit; 5m may be a product, and so may 5 xyz."""
    words = text.split()
    if DATE.search(text):
        return False
    if named.above is not None:
        return text.startswith(" ") or len(words[0].strip("./")) > 1
    return is_unit(text) and (is_word(words[0]) or len(words) > 1)


def is_word(text: str) -> bool:
    """Whether letters are a word rather than a product of variables such as ab or xyz."""
    has_vowel = bool(set("eiou") & set(text.lower())) and text != "pi"
    is_product = text.islower() and any(set(text) <= variables for variables in _VARIABLES)
    return text.isalpha() and len(text) > 1 and (has_vowel or not text.islower() or (len(text) > 2 and not is_product))


def _value(found: dict[str, str]) -> Fraction | None:
    """The amount that the parts of a match make; None for a denominator of 0 and a power that is too large."""
    if "again" in found or "again1" in found:
        return _repeating(found)
    whole = Fraction(re.sub(r"[, ]", "", found.get("whole", found.get("one", "0"))))
    top = int(found.get("over") or found.get("top") or found.get("top1") or 0)
    under = Fraction((found.get("below") or found.get("under") or found.get("under1") or "1").replace(",", ""))
    power = int(found.get("power") or found.get("ten") or found.get("ten1") or 0)
    if not under or abs(power) > MAX_EXPONENT:
        return None
    if "one" in found:
        return Fraction(10) ** power
    value = whole + top / under if top else whole / under
    return value * Fraction(10) ** power


def _repeating(found: dict[str, str]) -> Fraction:
    again = found.get("again") or found["again1"]
    before, after = found.get("before", "0"), found.get("after", "")
    period = Fraction(int(again), (10 ** len(again) - 1) * 10 ** len(after))
    return Fraction(f"{before}.{after or 0}") + period


def based(text: str) -> Based | None:
    """Digits with their base behind them, else None."""
    match = _BASED.fullmatch(tidy(text).replace(" ", ""))
    if match is None or not 2 <= int(match[2]) <= 36 or match[2][0] == "0" or not match[1][0].isdigit():
        return None
    is_in_base = all(int(digit, 36) < int(match[2]) for digit in match[1])
    return Based(match[1].lstrip("0") or "0", int(match[2])) if is_in_base else None


def ratio(text: str) -> Ratio | None:
    """Numbers with colons or "to" between them, else None."""
    plain = tidy(text).replace("\\colon", ":")
    if match := _TO.fullmatch(plain):
        return Ratio((Fraction(match[1]), Fraction(match[2])))
    if not _RATIO.fullmatch(plain):
        return None
    parts = [part.strip() for part in plain.split(":")]
    is_clock = len(parts) == 2 and len(parts[1]) == 2 and parts[1] < "60" and len(parts[0]) <= 2 and int(parts[0]) < 25
    return Ratio(tuple(map(Fraction, parts)), is_clock)


def clock(text: str) -> Clock | None:
    """A time of day with am or pm behind it, else None."""
    match = _CLOCK.fullmatch(tidy(text))
    if match is None or not 1 <= int(match[1]) <= 12 or int(match[2] or 0) > 59:
        return None
    return Clock((int(match[1]) % 12 + (12 if match[3] in "pP" else 0)) * 60 + int(match[2] or 0))

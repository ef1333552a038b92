"""Whether numbers are equal: exactly, with their percent signs and units, in bases, ratios and times of day."""

from dataclasses import dataclass, replace
from fractions import Fraction

from pipeline.math_answers.quantities import Based, Clock, Quantity, Ratio
from pipeline.math_answers.units import NO_UNIT, conversion, same_unit
from pipeline.math_answers.values import Expression, Value

MIN_ROUNDED_DIGITS = 3
"""Digits that a rounded number must have, where rounding does not matter."""


@dataclass(frozen=True)
class Rules:
    """What matters beside the value; `units` and `order` None: as far as both answers say it."""

    is_exact: bool = False
    """Texts are compared, not values."""
    is_loose: bool = False
    """Kinds of brackets do not matter, nor does rounding to three digits or more; yes is true."""
    tolerance: float = 0.0
    """Largest relative difference of equal numbers."""
    units: bool | None = None
    percent: bool = False
    case: bool = False
    order: bool | None = None


def equal_quantities(wanted: Quantity, found: Quantity, rules: Rules) -> bool | None:
    """Whether two numbers are equal, percent signs and units included.

    None where they are but for a "million": 5 may be said of millions, which the question alone tells.
    """
    if _are_equal(wanted, found, rules):
        return True
    bare = [replace(number, value=number.value / number.times) for number in (wanted, found)]
    return None if wanted.times != found.times and _are_equal(bare[0], bare[1], rules) else False


def _are_equal(wanted: Quantity, found: Quantity, rules: Rules) -> bool:
    factor = unit_factor(wanted, found, rules)
    if factor is None:
        return False
    is_either = wanted.is_percent != found.is_percent and not rules.percent
    golds = _scaled(wanted, is_either)
    return any(
        _near(gold * factor, answer, wanted, found, rules) for gold in golds for answer in _scaled(found, is_either)
    )


def unit_factor(wanted: Value, found: Value, rules: Rules) -> Fraction | None:
    """By what to multiply the gold value to have it in the unit of the answer; None where the units differ."""
    gold, answer = (value.unit if isinstance(value, Quantity | Expression) else NO_UNIT for value in (wanted, found))
    if rules.units is None:
        return conversion(gold, answer)
    if rules.units and (gold.words or gold.above) and not same_unit(gold, answer):
        return None
    return conversion(gold, answer) if rules.units else Fraction(1)


def _scaled(quantity: Quantity, is_either: bool) -> list[Fraction]:
    """What a percentage may be: 50 % is 0.5, and 50 where it does not matter."""
    if not quantity.is_percent:
        return [quantity.value]
    return [quantity.value, quantity.value / 100] if is_either else [quantity.value / 100]


def _near(gold: Fraction, answer: Fraction, wanted: Quantity, found: Quantity, rules: Rules) -> bool:
    if gold == answer:
        return True
    tolerance = max(rules.tolerance, rounding(wanted, rules), rounding(found, rules))
    return tolerance > 0 and abs(gold - answer) <= Fraction(tolerance) * abs(gold)


def rounding(value: Value, rules: Rules) -> float:
    """The relative error of a decimal that was rounded to its last digit; 0 where that matters."""
    if not rules.is_loose or not isinstance(value, Quantity) or not value.decimals or not value.value:
        return 0.0
    digits = abs(value.value) * 10**value.decimals
    return 0.500001 / float(digits) if digits >= 10 ** (MIN_ROUNDED_DIGITS - 1) else 0.0


def plain_texts(value: Value, rules: Rules) -> list[str]:
    """A number as LaTeX without its unit, in each way that it may be meant; anything else as it is."""
    if isinstance(value, Ratio):
        return [f"\\frac{{{value.parts[0]}}}{{{value.parts[1]}}}"] if len(value.parts) == 2 else []
    if isinstance(value, Expression):
        return [value.text]
    if not isinstance(value, Quantity):
        return []
    if value.is_percent:
        return [_latex(Quantity(scaled)) for scaled in _scaled(value, not rules.percent)]
    if value.unit.above and value.unit.above.dimension == "angle":
        return [_latex(value), f"{_latex(value)} \\cdot \\frac{{\\pi}}{{180}}"]
    return [_latex(value)]


def _latex(number: Quantity) -> str:
    if number.decimals:
        sign, digits = "-" * (number.value < 0), str(int(abs(number.value) * 10**number.decimals))
        digits = digits.zfill(number.decimals + 1)
        return f"{sign}{digits[: -number.decimals]}.{digits[-number.decimals :]}"
    top, under = number.value.numerator, number.value.denominator
    return str(top) if under == 1 else f"{'-' * (top < 0)}\\frac{{{abs(top)}}}{{{under}}}"


def equal_forms(one: Value, other: Value) -> bool:
    """Numbers in a base, ratios and times of day, beside each other or beside a plain number; in one direction."""
    if isinstance(one, Based):
        if isinstance(other, Based):
            return one.value == other.value
        return isinstance(other, Quantity) and other.value == (int(one.digits) if one.digits.isdigit() else -1)
    if isinstance(one, Ratio) and isinstance(other, Ratio):
        if (one.is_clock and other.is_clock) or len(one.parts) != len(other.parts):
            return one.parts == other.parts
        return all(a * other.parts[0] == b * one.parts[0] for a, b in zip(one.parts, other.parts, strict=True))
    if isinstance(one, Ratio) and isinstance(other, Quantity):
        return len(one.parts) == 2 and one.parts[0] == one.parts[1] * other.value
    if isinstance(one, Clock):
        return _equal_clock(one, other)
    return False


def _equal_clock(clock: Clock, other: Value) -> bool:
    """A time with am or pm, which may be left out, or said as one of 24 hours."""
    if isinstance(other, Clock):
        return clock.minutes == other.minutes
    if not isinstance(other, Ratio | Quantity) or (isinstance(other, Ratio) and len(other.parts) != 2):
        return False
    hours, minutes = other.parts if isinstance(other, Ratio) else (other.value, Fraction(0))
    said = hours * 60 + minutes
    return said == clock.minutes or (hours <= 12 and said % 720 == clock.minutes % 720)

"""Numbers as they stand in problems, digits and words alike, and answers that are the same: what `numbers` compares.

Covers: whole numbers, decimals, thousands separators, simple fractions, `twenty-five`, `two hundred and fifty`,
`a dozen`, `half`, `twice`. Does not cover: ordinals, Roman numerals, other languages, units that are converted.
"""

import re
from fractions import Fraction
from functools import lru_cache

import polars as pl

from pipeline.answers import boxed

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_SMALL = {word: n for n, word in enumerate(_ONES.split())} | {word: 10 * n for n, word in enumerate(_TENS.split(), 2)}
_ALONE = {
    "half": Fraction(1, 2), "halves": Fraction(1, 2), "quarter": Fraction(1, 4), "quarters": Fraction(1, 4),
    "twice": Fraction(2), "double": Fraction(2), "doubled": Fraction(2), "doubles": Fraction(2),
    "thrice": Fraction(3), "triple": Fraction(3), "tripled": Fraction(3), "triples": Fraction(3),
    "dozen": Fraction(12), "dozens": Fraction(12),
}  # fmt: skip
_DIGITS = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:/\d+)?|\.\d+"
_COUNT = "|".join(sorted([*_SMALL, *_SCALES], key=len, reverse=True))
NUMBER = rf"(?i){_DIGITS}|\b(?:{_COUNT})(?:(?:[\s-]+|\s+and\s+)(?:{_COUNT}))*\b|\b(?:{'|'.join(_ALONE)})\b"
"""A run of digits or of number words, for engines without look-around."""

_IS_WORD = re.compile(r"[a-z]+")
_MARKUP = re.compile(r"\\(?:text|mathrm|mbox)\s*\{([^{}]*)\}|\\[!,;: $%]|\\(?:left|right|displaystyle)\b|[$€£%]")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{(-?[\d.]+)\}\s*\{([\d.]+)\}")
_AMOUNT = re.compile(r"(-?)\s*(\d[\d,]*(?:\.\d+)?|\.\d+)(?:\s*/\s*(\d+))?(?:\s*[a-z°]+\.?){0,3}")


def numbers_of(texts: pl.Series) -> pl.DataFrame:
    """The numbers of each text: place (UInt32, of the text) and number (text of the exact value), in order.

    One is left out: as a word it is mostly a pronoun, and as a number it tells little.
    """
    found = texts.str.extract_all(NUMBER)
    frame = pl.DataFrame({"place": pl.Series(range(len(texts)), dtype=pl.UInt32), "as_written": found})
    frame = frame.explode("as_written", empty_as_null=False).drop_nulls("as_written")
    written = frame["as_written"].unique()
    values = pl.Series([values_of(text) for text in written], dtype=pl.List(pl.String))
    read = pl.DataFrame({"as_written": written, "number": values})
    frame = frame.join(read, on="as_written", how="left", maintain_order="left")
    return frame.select("place", "number").explode("number", empty_as_null=False).filter(pl.col("number") != "1")


def values_of(written: str) -> list[str]:
    """The exact values of one match of `NUMBER`; several where words follow each other that are no one number.

    >>> values_of("1,250.50"), values_of("two hundred and fifty"), values_of("two three"), values_of("a half"[2:])
    (['2501/2'], ['250'], ['2', '3'], ['1/2'])
    """
    if written[0].isdigit() or written[0] == ".":
        return [str(value)] if (value := _exact(written.replace(",", ""))) is not None else []
    words = _IS_WORD.findall(written.lower())
    if words[0] in _ALONE:
        return [str(_ALONE[words[0]])]
    return [str(value) for value in _spoken([word for word in words if word != "and"])]


def answer_of(text: str | None) -> str | None:
    """An answer in a form in which equal ones are equal: an exact number where it is one, else its words.

    Takes what follows the last `####` (GSM8K) or stands in the last \\boxed{}; null where nothing is left.

    >>> answer_of("6 * 7 = 42. #### 42"), answer_of("$1,200.00"), answer_of(r"\\frac{3}{4}"), answer_of(" Paris ")
    ('42', '1200', '3/4', 'paris')
    """
    return _answer(text) if text is not None else None


@lru_cache(1 << 16)
def _answer(text: str) -> str | None:
    shown = text.rpartition("####")[2]
    shown = next(reversed(boxed(shown)), shown)
    plain = _MARKUP.sub(r"\1", shown).strip().rstrip(".").casefold()
    plain = _FRACTION.sub(r"\1/\2", plain)
    if match := _AMOUNT.fullmatch(plain):
        sign, number, under = match.groups()
        value = _exact(number.replace(",", "") + (f"/{under}" if under else ""))
        if value is not None:
            return str(-value if sign else value)
    words = plain.split()
    if words and all(word in _SMALL or word in _SCALES for word in "-".join(words).split("-")):
        values = _spoken("-".join(words).split("-"))
        if len(values) == 1:
            return str(values[0])
    return " ".join(words) or None


def _exact(written: str) -> Fraction | None:
    try:
        return Fraction(written) if len(written) <= 40 else None
    except (ValueError, ZeroDivisionError):
        return None


def _spoken(words: list[str]) -> list[int]:
    """The numbers that words say: a new one starts where a word does not go on with the one before."""
    values: list[int] = []
    total, current, last = 0, 0, 0
    for word in words:
        if word in _SCALES:
            scale = _SCALES[word]
            if scale == 100:
                current = max(current, 1) * 100
            else:
                total, current = total + max(current, 1) * scale, 0
            last = scale
            continue
        small = _SMALL[word]
        if last and not (last >= 100 or (last >= 20 and 0 < small < 10)):
            values.append(total + current)
            total = current = 0
        current += small
        last = small or 1
    return [*values, total + current]

r"""Read a final answer as what it is: a quantity, time, ratio, words, tuple or set, equation, or an expression.

Only the form is read, exactly and in time that is linear in the text; nothing is evaluated. What is none of these
forms is an `Expression`, for a symbolic comparison.
"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

from pipeline.math_answers.quantities import DATE, Based, Clock, Quantity, Ratio, based, clock, is_word, quantity, ratio
from pipeline.math_answers.units import NO_UNIT, Unit, unit
from pipeline.plain_values import MAX_ANSWER_CHARS, tidy


class Unreadable(Exception):
    """An answer that cannot be read as one."""


@dataclass(frozen=True)
class Words:
    """Words in their own case; `canonical` has none, no article, and one name for what has several."""

    text: str
    canonical: str


@dataclass(frozen=True)
class Items:
    """Several values and the brackets around them: `()`, `(]`, `{}`, `[[` for a matrix of rows, or nothing."""

    brackets: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Named:
    """A value that is given to a name: x = 5."""

    name: str
    value: str


@dataclass(frozen=True)
class Expression:
    """Anything else, as LaTeX, without the unit behind it."""

    text: str
    unit: Unit = NO_UNIT


Value = Quantity | Based | Ratio | Clock | Words | Items | Named | Expression

SYNONYMS = {
    "infinity": r"\infty|∞|infinity|inf|+\infty|positive infinity|plus infinity",
    "minus infinity": r"-\infty|-∞|-infinity|-inf|negative infinity|minus infinity",
    "no solution": r"\emptyset|\varnothing|∅|\{\}|{}|empty set|no solution|no solutions|no real solution"
    "|no real solutions|none|there is no solution|there are no solutions",
    "undefined": "undefined|does not exist|dne|not defined",
    "all real numbers": r"\mathbb{R}|\Bbb{R}|ℝ|(-\infty,\infty)|all real numbers|all reals|real numbers",
    "yes": "yes",
    "no": "no",
}
"""What is said in several ways, and its name."""
_CANONICAL = {text.casefold().replace(" ", ""): name for name, texts in SYNONYMS.items() for text in texts.split("|")}

_DELIMITED = re.compile(r"\$+([^$]*[^$\\])\$+|\\\((.*)\\\)|\\\[(.*)\\\]", re.DOTALL)
_NAME = r"\\?[A-Za-z]+(?:_(?:\w|\{\w{1,9}\}))?'?(?:\s*\([a-zA-Z]\))?"
_NAMED = re.compile(rf"({_NAME})\s*(?:=|\\in\b)\s*([^=<>]+)")
_NUMERAL_OF_CODE = re.compile(r"(?<![\w.])0[xob][0-9a-f]|[0-9]_[0-9]|__|(?<!\\)\blambda\b", re.IGNORECASE)
_PLAIN_WORDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,.'’-]*")
_ARTICLE = re.compile(r"^(?:the|an?)\s+")
_FUNCTION = re.compile(r"(?:sin|cos|tan|log|ln|exp|sqrt|pi|alpha|beta|theta|lambda|max|min)")
_BOLD = re.compile(r"^(\*\*|__|`)(.*)\1$")
_OR = re.compile(r"\s*(?:,?\s*\\text\s*\{\s*(?:or|and)\s*\}|,?\s+(?:or|and)\s+|\\(?:lor|land|vee|wedge)\b|;)\s*")
_WITH_UNIT = re.compile(r"(.*\S)\s*\\(?:text|mathrm|mbox)\s*\{([A-Za-z/. ]+)\}(\s*\^\s*\{?[23]\}?)?", re.DOTALL)
_MINUS = re.compile(r"^(?:\\text\s*\{\s*)?(?:negative|minus)\s*\}?\s*(?=[0-9$.\\])", re.IGNORECASE)
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_MATRIX = re.compile(r"\\begin\{([pbB]?matrix|array)\}(?:\{[lcr|]*\})?(.*)\\end\{\1\}", re.DOTALL)


def read(text: str) -> Value:
    """What a text says; raises Unreadable for empty, overlong and unprintable ones, and for numerals of programs.

    >>> read("x = 5"), read("(1, 2]"), read("No Solution").canonical
    (Named(name='x', value='5'), Items(brackets='(]', items=('1', '2')), 'no solution')
    """
    text = _checked(text)
    if (canonical := _CANONICAL.get(tidy(text).casefold().replace(" ", ""))) is not None:
        return Words(canonical, canonical)
    for reader in (quantity, based, clock, ratio, _matrix, _items, _named, _words):
        if (value := reader(text)) is not None:
            return value
    if (match := _WITH_UNIT.fullmatch(text)) and (named := unit(match[2] + (match[3] or ""))).above:
        return Expression(match[1].strip(), named)
    return Expression(text)


def _checked(text: str) -> str:
    """A text without delimiters around it."""
    text = text.strip()
    while match := _DELIMITED.fullmatch(text) or _BOLD.fullmatch(text):
        text = next(group for group in match.groups()[::-1] if group is not None).strip()
    text = _MINUS.sub("-", text)
    text = text.replace("\\lbrace", "\\{").replace("\\rbrace", "\\}").replace("−", "-").rstrip(".").lstrip("= ").strip()
    if not text or len(text) > MAX_ANSWER_CHARS:
        raise Unreadable(f"{len(text)} characters, wanted 1 to {MAX_ANSWER_CHARS}")
    if not text.isascii() and (odd := [c for c in text if _is_odd(c)]):
        raise Unreadable(f"character U+{ord(odd[0]):04X}")
    if not text.isprintable() and (odd := [c for c in text if ord(c) < 32 and c not in "\t\n\r"]):
        raise Unreadable(f"character U+{ord(odd[0]):04X}")
    if _NUMERAL_OF_CODE.search(text) and based(text) is None:
        raise Unreadable("a number or a name as in a program")
    return text


def _is_odd(character: str) -> bool:
    """Invisible characters, and digits that are not 0 to 9; ² and ³ are powers of a unit."""
    kind = unicodedata.category(character)
    return kind[0] == "C" or (kind[0] == "N" and not character.isascii() and character not in "²³")


def _matrix(text: str) -> Items | None:
    """The rows of a matrix, each as its entries in brackets."""
    match = _MATRIX.fullmatch(text.strip())
    if match is None or "\\begin" in match[2]:
        return None
    rows = [row for row in re.split(r"\\\\(?:\[\w+\])?", match[2]) if row.strip()]
    return Items("[[", tuple(f"[{','.join(cell.strip() for cell in row.split('&'))}]" for row in rows))


def _items(text: str) -> Items | None:
    """Values in brackets, or in a row with commas, "or" or "and" between them, or with plus or minus."""
    plain = re.sub(r"\\(?:left|right|big|Big|bigg|Bigg)(?![a-z])|\\[!;:]|\\,|\\ ", "", text).strip()
    plain = plain.replace("\\langle", "(").replace("\\rangle", ")").replace("\\{", "{").replace("\\}", "}")
    if plain.count("\\pm") == 1:
        return Items("", tuple(plain.replace("\\pm", sign).strip() for sign in "+-"))
    if plain[:1] in _PAIRS and _closes_at(plain) == len(plain) - 1:
        return _bracketed(plain)
    parts = _split(_OR.sub(" , ", plain))
    return Items("", parts) if len(parts) > 1 else None


def _bracketed(text: str) -> Items | None:
    """What stands in one pair of brackets; matrices are rows in brackets in brackets, and { x | ... } is no list."""
    inner = text[1:-1].strip()
    inner = inner if "," in inner else inner.replace(";", ",")
    parts = _split(inner)
    if not all(parts) or any(sign in inner for sign in ("|", "\\mid", ":")):
        return None
    is_matrix = text[0] == "[" and all(part[:1] == "[" and _closes_at(part) == len(part) - 1 for part in parts)
    return Items("[[" if is_matrix else text[0] + text[-1], parts)


def _closes_at(text: str) -> int:
    """Where the bracket that a text begins with is closed, whatever kind closes it; -1 where it is not."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0:
            return place
    return -1


def _split(text: str) -> tuple[str, ...]:
    """The parts between the commas that stand in no brackets; those of thousands part nothing where others do.

    >>> _split("1, 2"), _split("(1,2),(3,4)"), _split("1,234, 5,678"), _split("1,234")
    (('1', '2'), ('(1,2)', '(3,4)'), ('1,234', '5,678'), ('1', '234'))
    """
    depth, places = 0, []
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            places.append(place)
    spaced = [place for place in places if text[place + 1 : place + 2].isspace()]
    tight = [place for place in places if place not in set(spaced)]
    if spaced and all(re.match(r"[0-9],[0-9]{3}(?![0-9])", text[place - 1 :]) for place in tight):
        places = spaced
    bounds = [-1, *places, len(text)]
    return tuple(text[a + 1 : b].strip() for a, b in pairwise(bounds))


def _named(text: str) -> Named | None:
    """x = 5, and x = 2 + 3 = 5; Unreadable where a chain says that different numbers are equal."""
    first, *others = re.split(r"(?<![<>!:=\\])=(?!=)", tidy(text)) if "=" in text else [text]
    numbers = {number.value for part in [first, *others] if (number := quantity(part)) and not number.is_percent}
    if len(numbers) > 1 and others:
        raise Unreadable("it says that different numbers are equal")
    match = _NAMED.fullmatch(f"{first}={others[-1]}" if others else tidy(text))
    return Named("".join(match[1].split()), match[2].strip()) if match else None


def _words(text: str) -> Words | None:
    """Words rather than a product of variables; "June 5" and "no solution" are words, and so is `\text{ab}`."""
    is_text = re.fullmatch(r"\\(?:text\w*|mathrm|mbox)\s*\{[^{}]*\}", text.strip()) is not None
    plain = " ".join(tidy(text).strip(" .,!\"'").split())
    if not is_text and (not _PLAIN_WORDS.fullmatch(plain) or not _has_word(plain)):
        return None
    canonical = _ARTICLE.sub("", plain.casefold())
    if DATE.search(canonical):
        canonical = " ".join(sorted(re.findall(r"[a-z]{3,}|[0-9]+", canonical)))
    return Words(plain, _CANONICAL.get(canonical.replace(" ", ""), canonical)) if canonical else None


def _has_word(text: str) -> bool:
    words = re.findall(r"[A-Za-z]+", text)
    return any(map(is_word, words)) and not any(map(_FUNCTION.fullmatch, words))

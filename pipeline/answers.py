"""Find the explicit final answers of a mathematical response, and read plain numbers exactly.

Nothing here evaluates an expression: a text that is no plain number is left to a symbolic comparison.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from pipeline.thinking import split_thinking

MAX_ANSWER_CHARS = 1_000
MAX_PHRASE_CHARS = 300
MAX_BOXES = 100
"""Only so many of the last boxes are read: a response with more is junk, whose cost must stay bounded."""

_BOX = re.compile(r"\\f?boxed\s*\{")
_HASHES = re.compile(r"####[ \t]*([^\n#]{1,300})")
_PHRASE = re.compile(r"\banswer\b[\s*_]*(?:is|:|=)[\s*_:=]*([^\n]{1,300})", re.IGNORECASE)
_LAST_LINE = re.compile(r"[*_\s]*(?:A|Answer)[*_]*:[*_\s]*(\S.*)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?;](?=\s|$)")
_NUMERAL = r"(?:\d{1,3}(?:,\d{3})+|\d{1,60})(?:\.\d{1,60})?|\.\d{1,60}"
_NUMBER = re.compile(
    rf"(?P<sign>[-+]?)\s*(?:(?P<whole>{_NUMERAL})(?:\s*/\s*(?P<under>{_NUMERAL}))?"
    rf"|\\frac\{{?(?P<top>\d+)\}}?\{{?(?P<bottom>\d+)\}}?)\s*(?P<percent>%|percent\b)?\s*(?P<unit>[^\d\\=<>+*^(){{}}]*)"
)
_UNIT = re.compile(r"(?:per|an?|of|in|the|cm|mm|km|kg|ft|oz|lbs?|hrs?|mph|[a-z]{3,})", re.IGNORECASE)
_NO_UNIT = frozenset(
    {
        "and",
        "but",
        "cos",
        "exp",
        "infinity",
        "log",
        "minus",
        "mod",
        "not",
        "over",
        "plus",
        "sin",
        "sqrt",
        "tan",
        "than",
        "times",
    }
)
_FUNCTIONS = re.compile(r"\\[a-zA-Z]+|\b(?:sqrt|sin|cos|tan|log|exp|pi|inf)\b")
_WORD = re.compile(r"[A-Za-z]{3,}|\b[A-Za-z]{2}\b")
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


def final_answers(text: str) -> list[str]:
    r"""All explicit final answers of a response, in order of rank and place; thinking is left out.

    Explicit are `\boxed{}`, `####`, "answer is" or "answer:", a last line `A:`, and a response that is one bare value.

    >>> final_answers("<think>4?</think>2 + 3 is \\boxed{5}, so the answer is 5.")
    ['5', '5']
    """
    _, text = split_thinking(text)
    phrases = [_SENTENCE_END.split(phrase, maxsplit=1)[0].strip(" *_") for phrase in _PHRASE.findall(text)]
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and (last := _LAST_LINE.fullmatch(lines[-1][:MAX_PHRASE_CHARS])):
        phrases.append(_SENTENCE_END.split(last[1], maxsplit=1)[0].strip(" *_"))
    found = [*boxed(text), *(tail.strip() for tail in _HASHES.findall(text) if is_value(tail))]
    found += [phrase for phrase in phrases if is_value(phrase)]
    if not found and len(lines) == 1 and is_value(text):
        found = [text.strip()]
    return found or _spelt(phrases)


def boxed(text: str) -> list[str]:
    r"""The contents of every closed `\boxed{...}`, outermost ones only."""
    found, start = [], 0
    for match in list(_BOX.finditer(text))[-MAX_BOXES:]:
        if match.start() < start:
            continue
        depth, place = 1, match.end()
        while depth and place < len(text) and place - match.end() <= MAX_ANSWER_CHARS:
            escaped = text[place - 1] == "\\"
            depth += 0 if escaped else {"{": 1, "}": -1}.get(text[place], 0)
            place += 1
        start = match.end() if depth else place
        if not depth and (content := text[match.end() : place - 1].strip()):
            found.append(content)
    return found


def _spelt(phrases: list[str]) -> list[str]:
    """Answers in a sentence: its one number, or the words themselves."""
    found = []
    for phrase in phrases:
        numbers = re.findall(rf"(?<![\w.])-?(?:{_NUMERAL})(?![\w])", phrase)
        if len(numbers) <= 1 and "\\box" not in phrase and phrase:
            found.append(numbers[0] if numbers else phrase)
    return found


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
    match = _NUMBER.fullmatch(_tidy(text))
    if match is None or not _is_unit(match["unit"]):
        return None
    top, under = match["whole"] or match["top"], match["under"] or match["bottom"] or "1"
    below = Fraction(under.replace(",", ""))
    if not below:
        return None
    value = Fraction(top.replace(",", "")) / below
    return Number(-value if match["sign"] == "-" else value, match["percent"] is not None)


def _is_unit(text: str) -> bool:
    words = re.split(r"[\s/.]+", text.strip().rstrip("."))
    return words == [""] or (
        len(words) <= 5 and all(_UNIT.fullmatch(word) and word.lower() not in _NO_UNIT for word in words)
    )


def _tidy(text: str) -> str:
    """A text without the marks that change no value."""
    text = _DROPPED.sub("", text.replace("\\$", "").replace("\\%", "%").replace("{,}", ",").replace("−", "-"))
    text = re.sub(r"\\[dt]frac", r"\\frac", text)
    text = re.sub(r"\\(?:text|mathrm|mbox|textbf)\s*\{([^{}]*)\}", r" \1 ", text)
    return re.sub(r"(?:\^\s*\{?\\circ\}?|°)", "", text).strip().rstrip(".").strip()


def same_text(one: str, other: str) -> bool:
    """Equal but for spaces and marks that change no value; words in any case."""
    one, other = ("".join(_tidy(text).split()) for text in (one, other))
    is_words = one.isalpha() and other.isalpha() and min(len(one), len(other)) > 1
    return one == other or (is_words and one.casefold() == other.casefold())

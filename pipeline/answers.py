"""Find the explicit final answers of a mathematical response, and read plain numbers exactly.

Nothing here evaluates an expression: a text that is no plain number is left to a symbolic comparison.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from pipeline.thinking import split_thinking

MAX_ANSWER_CHARS = 1_000
MAX_PHRASE_CHARS = 300
"""A longer line behind a mark is no answer: cutting it off would make another answer of it."""
MAX_MARKS = 100
"""Only so many of the last marks of a kind are read: a response with more is junk, whose cost must stay bounded."""
MAX_FINAL_GAP = 120
"""Characters between the words "final answer" and the answer that they are said of."""

_BOX = re.compile(r"\\f?boxed\s*\{")
_HASHES = re.compile(r"####[ \t]*([^\n#]+)")
_PHRASE = re.compile(r"\banswer\b[\s*_]*(?:is\b|:|=)[\s*_:=]*([^\n]+)", re.IGNORECASE)
_LAST_LINE = re.compile(r"[*_\s]*(?:A|Answer)[*_]*:[*_\s]*(\S.*)", re.IGNORECASE)
_FENCED_LINE = re.compile(r"(?:```|~~~)\w*[ \t]*\n[ \t]*([^\n`~]+)\n[ \t]*(?:```|~~~)\s*\Z")
_FINAL = re.compile(r"\bfinal[\s*_]+(?:answer|result|value)\b", re.IGNORECASE)
_REASON = re.compile(r"\s*[,(]?\s*\b(?:because|since)\b.*", re.IGNORECASE)
_CHOICE_OR_TIME = re.compile(
    r"(?:\([A-J]\)|[A-J][.:)](?!\S*[=^]))(?:\s.{0,200})?|[0-9]{1,2}(?::[0-9][0-9])?\s*[apAP]\.?[mM]\.?"
)
_LAST_AND = re.compile(r",\s*and\b")
_DENIAL = re.compile(
    r"\b(?:not|never|neither|nor|cannot|\w+n't|wrong|incorrect|unknown|between|(?:other|more|less|greater|fewer|larger"
    r"|smaller|bigger) than|at (?:least|most))\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?;](?=\s|$)")
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
_NO_UNIT = re.compile("and|but|cos|exp|infinity|log|minus|mod|not|over|plus|sin|sqrt|tan|than|times", re.IGNORECASE)
_FUNCTIONS = re.compile(r"\\[a-zA-Z]+|\b(?:sqrt|sin|cos|tan|log|exp|pi|inf)\b")
_WORD = re.compile(r"[A-Za-z]{3,}|\b[A-Za-z]{2}\b")
_FRAC = re.compile(r"\\[dt]frac")
_TEXT = re.compile(r"\\(?:text(?:bf|it|rm|normal)?|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
_DEGREE = re.compile(r"\^\s*\{?\\circ\}?|°")
_PARTING = re.compile(r"(?<=\d) (?=\d)|(?<=\d,) (?=\d{3}(?!\d))")
_DROPPED = re.compile(r"\\left|\\right|\\[!,;: ]|\\displaystyle|\\\(|\\\)|\\\[|\\\]|[$€£¥`]|(?<![*])\*\*(?![*\d])")


_CALCULATION = re.compile(r"<<[^<>\n]{0,200}>>")
"""A calculator's note before its result, as in GSM8K: `<<6*7=42>>42`."""


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

    Explicit are `\boxed{}`, `####`, "answer is" or "answer:", a last line `A:`, a fenced block of one line that ends
    the response, and a response that is one bare value. Where one is called final ("final answer"), those before it
    are results on the way and do not count; those after it do.

    >>> final_answers("<think>4?</think>2 + 3 is \\boxed{5}, so the answer is 5.")
    ['5', '5']
    >>> final_answers("First \\boxed{2}, then \\boxed{3}. The final answer is \\boxed{5}.")
    ['5']
    """
    text = _CALCULATION.sub("", split_thinking(text)[1])
    phrases = _phrases(text)
    found = [*_boxes(text), *((tail.start(1), tail[1].strip()) for tail in _last(_HASHES, text) if is_value(tail[1]))]
    found += [(place, phrase) for place, phrase in phrases if _is_answer(phrase)]
    if (fenced := _FENCED_LINE.search(text[-MAX_PHRASE_CHARS:])) and is_value(fenced[1]):
        found.append((len(text), fenced[1].strip()))
    lines = [line for line in text.splitlines() if line.strip()]
    if not found and len(lines) == 1 and is_value(text):
        return [text.strip()]
    return _from_first_final(found, text) or _spelt([phrase for _, phrase in phrases])


def _last(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    return list(pattern.finditer(text))[-MAX_MARKS:]


def _phrases(text: str) -> list[tuple[int, str]]:
    """What follows "answer is" and the `A:` of a last line, up to the end of the sentence, each with its place."""
    found = [(match.start(1), match[1]) for match in _last(_PHRASE, text)]
    stripped = text.rstrip()
    last_line = stripped[stripped.rfind("\n") + 1 :]
    if len(last_line) <= MAX_PHRASE_CHARS and (match := _LAST_LINE.fullmatch(last_line)):
        found.append((len(text), match[1]))
    sentences = [(place, _SENTENCE_END.split(phrase[: MAX_PHRASE_CHARS + 1], maxsplit=1)[0]) for place, phrase in found]
    return [
        (place, _REASON.sub("", words).strip(" *_")) for place, words in sentences if len(words) <= MAX_PHRASE_CHARS
    ]


def _is_answer(phrase: str) -> bool:
    """Whether what follows "answer is" is a value, a list of values, a choice or a time of day."""
    return is_value(_LAST_AND.sub(",", phrase)) or _CHOICE_OR_TIME.fullmatch(phrase) is not None


def _from_first_final(found: list[tuple[int, str]], text: str) -> list[str]:
    """The answers from the first one that is called final; all, where none is."""
    ends = [match.end() for match in _last(_FINAL, text)]
    gaps = [(place, text[end:place]) for place, _ in found for end in ends if 0 <= place - end <= MAX_FINAL_GAP]
    first = min((place for place, gap in gaps if not _SENTENCE_END.search(gap)), default=0)
    return [answer for place, answer in found if place >= first]


def boxed(text: str) -> list[str]:
    r"""The contents of every closed `\boxed{...}`, outermost ones only."""
    return [content for _, content in _boxes(text)]


def _boxes(text: str) -> list[tuple[int, str]]:
    """Places and contents of the boxes."""
    found, start = [], 0
    for match in _last(_BOX, text):
        if match.start() < start:
            continue
        depth, place = 1, match.end()
        while depth and place < len(text) and place - match.end() <= MAX_ANSWER_CHARS:
            escaped = text[place - 1] == "\\" and text[place - 2] != "\\"
            depth += 0 if escaped else {"{": 1, "}": -1}.get(text[place], 0)
            place += 1
        start = match.end() if depth else place
        if not depth and (content := text[match.end() : place - 1].strip()):
            found.append((match.start(), content))
    return found


def _spelt(phrases: list[str]) -> list[str]:
    """Answers in a sentence: its one number, or the words themselves; a sentence that denies says none."""
    found = []
    for phrase in phrases:
        if _DENIAL.search(phrase):
            continue
        numbers = re.findall(rf"(?<![\w.])-?(?:{NUMERAL})(?![\w])", phrase)
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
    match = _NUMBER.fullmatch(tidy(text))
    if match is None or not is_unit(match["unit"]):
        return None
    top = match["whole"] or match["top"] or match["top1"]
    under = match["below"] or match["under"] or match["under1"] or "1"
    below = Fraction(under.replace(",", ""))
    if not below:
        return None
    value = Fraction(top.replace(",", "")) / below
    return Number(-value if match["sign"] == "-" else value, match["percent"] is not None)


def is_unit(text: str) -> bool:
    words = re.split(r"[\s/.]+", text.strip().rstrip("."))
    return words == [""] or (
        len(words) <= 5 and all(_UNIT.fullmatch(word) and not _NO_UNIT.fullmatch(word) for word in words)
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
    one, other = (_unspaced(tidy(text)) for text in (one, other))
    is_words = one.isalpha() and other.isalpha() and min(len(one), len(other)) > 1
    return one == other or (is_words and not is_case_kept and one.casefold() == other.casefold())


def _unspaced(text: str) -> str:
    """Without spaces, but for those that part two numbers: 1 1/2 is not 11/2, and 1, 234 is not 1,234."""
    text = _PARTING.sub("\0", " ".join(text.split()))
    return text.replace(" ", "").replace("\0", " ")

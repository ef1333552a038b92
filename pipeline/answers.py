"""Find the explicit final answers of a mathematical response."""

import re
from itertools import pairwise

from pipeline.math_answers.units import MULTIPLE
from pipeline.plain_values import MAX_ANSWER_CHARS, MAX_PHRASE_CHARS, NUMERAL, is_value
from pipeline.thinking import split_thinking

MAX_MARKS = 100
"""Only so many of the last marks of a kind are read: a response with more is junk, whose cost must stay bounded."""
MAX_FINAL_GAP = 120
"""Characters between the words "final answer" and the answer that they are said of."""

_BOX = re.compile(r"\\f?boxed\s*\{")
_HASHES = re.compile(r"####[ \t]*([^\n#]+)")
_PHRASE = re.compile(r"(?<!/)\banswer\b[\s*_]*(?:is\b|:|=)[\s*_:=]*(?=([^\n]{1,301}))", re.IGNORECASE)
_NEXT_PHRASE = re.compile(
    r"(?:[\s,;:(*_]|\b(?:so|or|and|but|then|thus|hence|therefore|wait|no|the|an?|my|your|correct|final|right|true)\b)*\Z",
    re.IGNORECASE,
)
"""What leads from one "answer is" to the next on the same line."""
_SUPPOSED = re.compile(
    r"(?:\b(?:if|suppose|supposing|assum\w+|whether|unless|doubt|imagine)"
    r"|(?:\b(?:not|cannot|might|may|could|would|wrong|incorrect)|n['’]t)\s+(?:\w+\s+){0,2}(?:think|thought|believe|say"
    r"|guess|claim|conclude|expect))"
    r"\s+(?:that\s+)?(?:(?:the|an?|my|our|your|this|its)\s+)?(?:\w+\s+)?\Z",
    re.IGNORECASE,
)
"""Before "the answer is": what follows is not said to be the answer."""
_DENIED_BOX = re.compile(r"(?:\bnot|n['’]t)(?:[\s$*_]|\\\(|\\\[)*\Z", re.IGNORECASE)
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
_CHANGED = re.compile(
    r"\b(?:double|twice|triple|thrice|half|third|quarter|squared?|cubed?|root|power|multiple|divisor|factor|one\s+of"
    r"|(?:sum|product|difference|ratio|number)\s+of|negative|minus|under|over|above|below|beyond|unclear|hard|depends?"
    r"|(?:step|equation|part|figure|table|line|page|case|problem|question|section|example)s?"
    r"|(?:given|found|obtained|determined|computed|calculated)\s+(?:by|from|in|with|using|through|via))\b",
    re.IGNORECASE,
)
"""Words in front of a number that make another one of it, or no answer."""
_SENTENCE_END = re.compile(r"[.!?;](?=\s|$)")
_SPELT_NUMBER = re.compile(rf"(?<![\w.])-?(?:{NUMERAL})(?![\w])(?:{MULTIPLE.pattern})?", re.IGNORECASE)


_CALCULATION = re.compile(r"<<[^<>\n]{0,200}>>")
"""A calculator's note before its result, as in GSM8K: `<<6*7=42>>42`."""


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
    boxes = [box for box in _boxes(text) if not _DENIED_BOX.search(text[max(0, box[0] - 20) : box[0]])]
    found = [*boxes, *((tail.start(1), tail[1].strip()) for tail in _last(_HASHES, text) if is_value(tail[1]))]
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
    found = []
    for match, after in pairwise([*_last(_PHRASE, text), None]):
        if match is not None and not _SUPPOSED.search(text[max(0, match.start() - 80) : match.start()]):
            is_cut = after is not None and after.start() < match.end(1)
            phrase = match[1] if after is None else match[1][: max(0, after.start() - match.start(1))]
            found.append((match.start(1), _NEXT_PHRASE.sub("", phrase) if is_cut else phrase))
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
        numbers = list(_SPELT_NUMBER.finditer(phrase))
        if len(numbers) > 1 or "\\box" in phrase or not phrase:
            continue
        if not (numbers and _CHANGED.search(phrase[: numbers[0].start()])):
            found.append(numbers[0][0] if numbers else phrase)
    return found

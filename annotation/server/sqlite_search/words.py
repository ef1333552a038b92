"""Words of a text, found as the standard analyzer of Elasticsearch finds them.

Covers, of the word boundaries of Unicode (annex 29): letters, digits, marks and `_` stay together; `don't`, `e.g`,
`3.14` and `1,000` are one word each; every Han character and every Hiragana is a word of its own; a run of Katakana
is one word. Case does not count.
Does not cover: emoji (no words here), dictionaries for languages written without spaces, words of more than 255
characters being cut at the same place.
"""

import re
import unicodedata

EVERY = "\ue000"
"""A word that every record has, so that a query can subtract from everything.

No text has it: it is no word character.
"""

GAP = "\ue001"
"""Stands between the messages of a chat, so that no phrase reaches over two of them."""

MAX_LENGTH = 255
"""Longer words are cut in pieces of this many characters."""

IDEOGRAPHS = (
    "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3041-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
)
KATAKANA = "\u30a0-\u30ff\u31f0-\u31ff\uff66-\uff9f"


def _ranges(code_points: list[int]) -> str:
    """Sorted code points as the inside of a character class."""
    runs: list[list[int]] = []
    for point in code_points:
        if runs and runs[-1][1] == point - 1:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in runs)


MARKS = _ranges([point for point in range(0x300, 0x1F000) if unicodedata.category(chr(point)).startswith("M")])
_PART = rf"(?:(?![{IDEOGRAPHS}{KATAKANA}])[\w{MARKS}])+"
_IN_LETTERS = r"(?<=[^\W\d_])[:.'’‘·](?=[^\W\d_])"
_IN_DIGITS = r"(?<=\d)[,;.'’](?=\d)"
_JOINED = rf"{_PART}(?:(?:{_IN_LETTERS}|{_IN_DIGITS}){_PART})*"
_WORD = re.compile(rf"[{IDEOGRAPHS}][{MARKS}]*|[{KATAKANA}][{KATAKANA}{MARKS}]*|{_JOINED}")
_ASCII_WORD = re.compile(r"\w+(?:(?:(?<=[A-Za-z])[:.'](?=[A-Za-z])|(?<=[0-9])[,;.'](?=[0-9]))\w+)*", re.ASCII)
_PIECE = re.compile(rf"[\w{MARKS}:.'’‘·,;]+")


def words(text: str) -> list[str]:
    """The words of a text in their order, in lower case."""
    found = (_ASCII_WORD if text.isascii() else _WORD).findall(text.lower())
    if max(map(len, found), default=0) <= MAX_LENGTH:
        return found
    return [word[i : i + MAX_LENGTH] for word in found for i in range(0, len(word), MAX_LENGTH)]


def is_piece(text: str) -> bool:
    """Whether a word could begin with the text, or be near it: it has only characters that words have."""
    return _PIECE.fullmatch(text) is not None

"""What a search has to find, counted anew over plain records: no index, no SQL, nothing of the engine.

A question is drawn as a tree, written in the query language, and answered from the tree.
"""

import math
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Texts = Mapping[str, list[str]]
"""Words of each part of a record's fields: a text, or one message of a chat."""


@dataclass
class Plain:
    """A record as the recount sees it."""

    id: str
    external_id: str
    status: str
    inserted_at: str
    updated_at: str
    texts: Texts
    metadata: dict[str, Any]
    suggestions: dict[str, dict[str, Any]]
    responses: list[dict[str, Any]]
    """With `user`, `status` and `values`."""
    vector: list[float] | None = None
    fields: dict[str, Any] = field(default_factory=dict)


def split(text: str) -> list[str]:
    """Words of the texts that the tests draw: small Latin words, numbers, and Chinese characters one by one."""
    return re.findall(r"[a-z0-9]+|[\u4e00-\u9fff]", text.lower())


Meets = Callable[[Plain], bool]


@dataclass(frozen=True)
class Asked:
    """A query as it is written, and which records meet it."""

    written: str
    meets: Meets


class Questions:
    """Draws queries over a vocabulary; the same seed draws the same."""

    def __init__(self, seed: int, vocabulary: Sequence[str]) -> None:
        self.draw = random.Random(seed)
        self._vocabulary = vocabulary

    def query(self, where: str | None, depth: int = 2) -> Asked:
        """Up to four parts from left to right, joined by operators that bind alike."""
        parts = [self._part(where, depth) for _ in range(self.draw.randint(1, 4 if depth == 2 else 2))]
        written, meets = parts[0].written, parts[0].meets
        for part in parts[1:]:
            sign = self.draw.choice([" ", " ", " + ", " | ", "|"])
            written = f"{written}{sign}{part.written}"
            meets = _either(meets, part.meets) if "|" in sign else _both(meets, part.meets)
        return Asked(written, meets)

    def _part(self, where: str | None, depth: int) -> Asked:
        kind = self.draw.choice(["word"] * 5 + ["phrase", "prefix", "not", "near"] + ["group"] * (depth > 0))
        if kind == "not":
            part = self._part(where, 0)
            return part if part.written.startswith("-") else Asked(f"-{part.written}", lambda r: not part.meets(r))
        if kind == "group":
            group = self.query(where, depth - 1)
            return Asked(f"({group.written})", group.meets)
        return getattr(self, f"_{kind}")(where)

    def _word(self, where: str | None) -> Asked:
        word = self.draw.choice(self._vocabulary)
        return Asked(self.draw.choice([word, word.upper()]), _has(where, lambda words: word in words))

    def _phrase(self, where: str | None) -> Asked:
        phrase = [self.draw.choice(self._vocabulary) for _ in range(self.draw.randint(1, 2))]
        written = " ".join(phrase)
        return Asked(f'"{written}"', _has(where, lambda words: phrase in _runs(words, len(phrase))))

    def _prefix(self, where: str | None) -> Asked:
        start = self.draw.choice(self._vocabulary)[: self.draw.randint(1, 3)]
        return Asked(f"{start}*", _has(where, lambda words: any(word.startswith(start) for word in words)))

    def _near(self, where: str | None) -> Asked:
        letters = list(self.draw.choice([word for word in self._vocabulary if len(word) > 4]))
        letters[self.draw.randrange(len(letters))] = "z"
        text, edits = "".join(letters), self.draw.randint(1, 2)
        near = {word for word in self._vocabulary if distance(word, text) <= edits}
        return Asked(f"{text}~{edits}", _has(where, lambda words: not near.isdisjoint(words)))


def distance(a: str, b: str) -> int:
    """Edit distance, by its definition."""
    if not a or not b:
        return len(a) + len(b)
    if a[0] == b[0]:
        return distance(a[1:], b[1:])
    if abs(len(a) - len(b)) > 2:
        return 3
    return 1 + min(distance(a[1:], b), distance(a, b[1:]), distance(a[1:], b[1:]))


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """Of two vectors that have a length."""
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


def _both(a: Meets, b: Meets) -> Meets:
    return lambda record: a(record) and b(record)


def _either(a: Meets, b: Meets) -> Meets:
    return lambda record: a(record) or b(record)


def _has(where: str | None, asked: Callable[[list[str]], bool]) -> Meets:
    return lambda record: any(
        asked(words) for name, words in record.texts.items() if where in (None, name.split("/")[0])
    )


def _runs(words: list[str], n: int) -> Iterator[list[str]]:
    return (words[i : i + n] for i in range(len(words) - n + 1))

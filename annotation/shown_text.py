"""Text as people see it in Argilla's web UI, and the way back from what they mark in it.

The UI of Argilla 2.8 puts a text field into the page as HTML, also with Markdown off: `<img src=x onerror=...>` would
run. So `&`, `<` and `>` are stored as entities, and the page shows the text as it is. What cannot be seen is written
out: control characters, those that turn text around, zero-width ones, and halves of surrogate pairs.

The UI counts spans in UTF-16 code units of the shown text; the server refuses those beyond the code points of the
stored one. A plan with many characters of two units is therefore followed by spaces, so that all of it can be marked.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.plan_text import render_plan
from schemas.errors import SchemaError

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
_FILLERS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\U000e0100-\U000e01ef]")
_ENTITY = re.compile("&(?:amp|lt|gt);")


def visible(text: str) -> str:
    """Text in which nothing hides; newlines and tabs stay.

    >>> visible("a\\u200bb\\x1b[31m")
    'a⟨U+200B⟩b⟨U+001B⟩[31m'
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line if line.isprintable() and not _FILLERS.search(line) else _written_out(line) for line in lines)


def _written_out(line: str) -> str:
    return "".join(
        f"⟨U+{ord(c):04X}⟩" if c != "\t" and (unicodedata.category(c) in _UNSEEN or _FILLERS.match(c)) else c
        for c in line
    )


def stored(text: str) -> str:
    """Visible text as the value of a field, which the UI shows as that text.

    >>> stored("if a < b & c")
    'if a &lt; b &amp; c'
    """
    return visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def typed(text: str) -> str:
    """What a person wrote into a text field; where it was copied with the UI's copy button, without its entities.

    The button gives a field as it is stored. A text with a `<`, `>` or `&` of its own was not stored so, and stays.
    The UI ends every text with a newline, and a copied plan may have spaces at its end: neither is the person's.

    >>> typed("1. a &lt; b\\n"), typed("1. write &lt; for <")
    ('1. a < b', '1. write &lt; for <')
    """
    text = text.rstrip()
    if not _ENTITY.search(text) or re.search("[&<>]", _ENTITY.sub("", text)):
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def excerpt(text: str, limit: int) -> str:
    """Text of at most `limit` characters and a mark: beginning and end, and how much was left out between them.

    >>> excerpt("abcdefghij", 6)
    'abcd\\n[… 4 characters left out …]\\nij'
    """
    if len(text) <= limit:
        return text
    head, tail = limit - limit // 3, limit // 3
    left_out = f"[… {len(text) - limit:,} characters left out …]"
    return f"{text[:head]}\n{left_out}\n{text[len(text) - tail :]}"


@dataclass(frozen=True)
class ShownPlan:
    """A rendered plan as people see it, with each step's id and where in `text` it stands, in code points."""

    text: str
    steps: tuple[tuple[str, int, int], ...]

    @classmethod
    def of(cls, plan: Mapping[str, Any]) -> "ShownPlan":
        """A row of the table plans; its texts are on one line each, as the parser leaves them."""
        text = visible(render_plan(plan))
        n_head = bool(plan["strategy"]) + len(plan["rejected_strategies"] or [])
        starts, at = [], 0
        for number, line in enumerate(text.split("\n")):
            if number >= n_head and line and not line.startswith("   - "):
                starts.append(at)
            at += len(line) + 1
        ids = [step["id"] for step in plan["steps"]]
        return cls(text, tuple(zip(ids, starts, [start - 1 for start in starts[1:]] + [len(text)], strict=True)))

    def stored(self) -> str:
        """The value of the field."""
        value = stored(self.text)
        return value + " " * max(0, _units(self.text) - len(value))

    def marked(self, spans: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Spans as the UI gives them (start, end, label) as the answer that annotations hold, in order.

        `start` and `end` are then in code points of `text`, and `step` is the id of the step that holds most of the
        span, null where none does. Raises SchemaError for a span outside the text.
        """
        found = [{**self._place(span["start"], span["end"]), "label": span["label"]} for span in spans]
        return sorted(
            ({**span, "step": self._step(span["start"], span["end"])} for span in found),
            key=lambda span: (span["start"], span["end"], span["label"]),
        )

    def _place(self, start: int, end: int) -> dict[str, int]:
        n_units = _units(self.text)
        n_spaces = len(self.stored()) - len(stored(self.text))
        if not 0 <= start < min(end, n_units) or end > n_units + n_spaces:
            wanted = f"wanted a part of the plan's {n_units:,} UTF-16 code units"
            raise SchemaError(f"span: found {start} to {end}, {wanted}; mark the step again")
        units = self.text.encode("utf-16-le")
        before, rest = units[: 2 * start], units[2 * end :]
        return {
            "start": len(before.decode("utf-16-le", "ignore")),
            "end": len(self.text) - len(rest.decode("utf-16-le", "ignore")),
        }

    def _step(self, start: int, end: int) -> str | None:
        shares = [(min(end, last) - max(start, first), id) for id, first, last in self.steps]
        most = max((share for share, _ in shares), default=0)
        return next((id for share, id in shares if share == most), None) if most > 0 else None


def _units(text: str) -> int:
    """Length in UTF-16 code units, as browsers count."""
    return len(text.encode("utf-16-le")) // 2

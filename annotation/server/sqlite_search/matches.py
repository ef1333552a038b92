"""A tree of the query language as an expression for SQLite's full-text index (FTS5).

Only words (letters, digits, marks, `_` and the signs within a word) and names of columns reach the expression, each
in quotation marks. Words of one piece of text have to stand in one field, as in Elasticsearch; pieces may stand in
different ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .query_tree import Everything, Group, Near, Node, Not, Operator, Phrase, Prefix, Words
from .words import EVERY, is_piece

NOTHING = '"\ue002"'
"""A word that no record has."""


@dataclass(frozen=True)
class Fields:
    """Where a query looks, and which words there are near another."""

    columns: Sequence[str]
    """The columns that are searched."""
    is_all: bool
    """Whether they are all columns with text."""
    near: Callable[[str, int], list[str]]
    """Words of the index at an edit distance."""


def expression(node: Node, fields: Fields) -> str:
    """The expression that matches what the tree asks for."""
    match node:
        case Everything():
            return f'"{EVERY}"'
        case Not(part):
            return f'("{EVERY}" NOT {expression(part, fields)})'
        case Group(Operator.ALL, parts):
            return _all_of(parts, fields)
        case Group(Operator.ANY, parts):
            return f"({' OR '.join(expression(part, fields) for part in parts)})"
        case _:
            return _clause(node, fields)


def _all_of(parts: Sequence[Node], fields: Fields) -> str:
    wanted = [expression(part, fields) for part in parts if not isinstance(part, Not)] or [f'"{EVERY}"']
    unwanted = [expression(part.part, fields) for part in parts if isinstance(part, Not)]
    found = wanted[0] if len(wanted) == 1 else f"({' AND '.join(wanted)})"
    return f"({found} NOT ({' OR '.join(unwanted)}))" if unwanted else found


def _clause(node: Node, fields: Fields) -> str:
    match node:
        case Words(words) if len(words) > 1:
            together = " AND ".join(map(_quoted, words))
            return f"({' OR '.join(f'{{{column}}} : ({together})' for column in fields.columns) or NOTHING})"
        case Words(words):
            return _within(fields, _quoted(words[0]))
        case Phrase(words, slop) if slop and len(words) > 1:
            return _within(fields, f"NEAR({' '.join(map(_quoted, words))}, {slop})")
        case Phrase(words):
            return _within(fields, _quoted(" ".join(words)))
        case Prefix(text) if is_piece(text):
            return _within(fields, _quoted(text) + " *")
        case Near(text, edits) if is_piece(text):
            found = [_within(fields, _quoted(word)) for word in fields.near(text, edits)]
            return f"({' OR '.join(found)})" if found else NOTHING
        case _:
            return NOTHING


def _within(fields: Fields, clause: str) -> str:
    if fields.is_all:
        return clause
    return f"{{{' '.join(fields.columns)}}} : {clause}" if fields.columns else NOTHING


def _quoted(text: str) -> str:
    return f'"{text}"'

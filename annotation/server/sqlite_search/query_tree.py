"""The tree of a search: what the query language is read into, and the full-text index is asked for."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Operator(Enum):
    """How two parts are joined."""

    ALL = " AND "
    ANY = " OR "


@dataclass(frozen=True)
class Everything:
    """Matches every record."""


@dataclass(frozen=True)
class Words:
    """All words of one piece of text, in one field."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Phrase:
    """Words in their order, with at most `slop` other words in between."""

    words: tuple[str, ...]
    slop: int = 0


@dataclass(frozen=True)
class Prefix:
    """Words that begin with a text."""

    text: str


@dataclass(frozen=True)
class Near:
    """Words at an edit distance of 1 or 2 from a text."""

    text: str
    edits: int


@dataclass(frozen=True)
class Not:
    """Everything but."""

    part: "Node"


@dataclass(frozen=True)
class Group:
    """Two or more parts that are joined alike."""

    operator: Operator
    parts: tuple["Node", ...]


Node: TypeAlias = Everything | Words | Phrase | Prefix | Near | Not | Group

"""A piece of a statement with the values of its placeholders, in their order."""

from typing import NamedTuple


class Sql(NamedTuple):
    """Text that only the engine wrote, and values that may come from anywhere."""

    text: str
    values: list[object]


NOWHERE = Sql("0", [])
"""A condition that no row meets."""

EVERYWHERE = Sql("1", [])
"""A condition that every row meets."""


def joined(pieces: list[Sql], by: str, without: Sql) -> Sql:
    """The pieces with a word between them; `without` where there are none."""
    if not pieces:
        return without
    return Sql(f"({by.join(piece.text for piece in pieces)})", [value for piece in pieces for value in piece.values])


def placeholders(values: list[object]) -> str:
    """As many question marks as there are values."""
    return ", ".join("?" * len(values))

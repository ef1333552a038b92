"""The data dictionary says what the declarations say."""

from pathlib import Path

import pytest

from schemas.dictionary import dictionary
from schemas.tables import TABLES, table_name

README = Path(__file__).resolve().parents[2] / "data" / "README.md"


def test_the_committed_page_is_up_to_date() -> None:
    stale = "data/README.md is stale: run `python -m schemas.dictionary > data/README.md`"
    assert README.read_text(encoding="utf-8") == dictionary(), stale


@pytest.mark.parametrize("table", TABLES, ids=table_name)
def test_every_column_is_described(table: type) -> None:
    section = dictionary().split(f"\n## {table_name(table)}\n")[1].split("\n## ")[0]
    for name, column in table.columns().items():  # type: ignore[attr-defined]
        (row,) = [line for line in section.splitlines() if line.startswith(f"| {name} |")]
        assert column.description in row


def test_rows_have_as_many_cells_as_their_heading() -> None:
    assert {line.count("|") for line in dictionary().splitlines() if line.startswith("|")} == {6}


def test_references_enums_and_nullable_columns_are_told() -> None:
    rows = dictionary().splitlines()
    assert "| keeper_id | string | yes | prompts | The kept prompt that this one duplicates. |" in rows
    assert "| decision | string |  |  | Whether it is used. One of `kept`, `dropped`. |" in rows


def test_every_view_is_described() -> None:
    views = Path(__file__).resolve().parents[2] / "schemas" / "views"
    for path in views.glob("*.sql"):
        assert f"### {path.stem}\n\nOne row a" in dictionary()

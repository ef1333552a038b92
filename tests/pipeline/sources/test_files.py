"""Files become prompts by the recipe's column mapping; what does not fit says file, line, field, found and wanted."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline import plugins
from pipeline.rows import write_rows
from pipeline.sources import Prompt, files
from schemas.errors import InputError, RecipeError, SchemaError
from schemas.recipe_file import Origin

ROW = {"q": "What is 1 + 1?", "a": "2", "key": 7, "topic": {"name": "sums"}}


def prompts(path: Path, **settings: Any) -> list[Prompt]:
    options = {"path": str(path), "columns": {"text": "q", "task": {"answer": "a"}}, "verifier": "strips"} | settings
    return list(files.read(plugins.configure(files, options, Origin("recipe.toml"), ("sources", "x"))))


def jsonl(tmp_path: Path, *rows: Any) -> Path:
    (tmp_path / "f.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "f.jsonl"


def test_columns_are_mapped(tmp_path: Path) -> None:
    columns = {"text": "q", "source_key": "key", "gold_answer": "a", "group": "topic.name", "task_family": "topic.name"}
    (prompt,) = prompts(jsonl(tmp_path, ROW), columns=columns, task={"n": 1}, domain="math", license="MIT", system="Hi")
    assert prompt.messages == [{"role": "system", "content": "Hi"}, {"role": "user", "content": ROW["q"]}]
    assert (prompt.source_key, prompt.gold_answer, prompt.group, prompt.task) == ("7", "2", "sums", {"n": 1})
    assert (prompt.domain, prompt.task_family, prompt.license) == ("math", "sums", "MIT")
    assert (prompt.problem_text, prompt.origin) == (ROW["q"], f"{tmp_path}/f.jsonl line 1")


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet", ".csv"])
def test_every_format_gives_the_same_prompts(tmp_path: Path, suffix: str) -> None:
    rows = [{"q": "What is 1 + 1?", "t": {"answer": "2"}}, {"q": "What is 2 + 2?", "t": {"answer": "4", "prefix": "="}}]
    write_rows(pl.DataFrame(rows), tmp_path / f"f{suffix}")
    found = prompts(tmp_path / f"f{suffix}", columns={"text": "q", "task": "t"}, revision="1")
    assert found == prompts(jsonl(tmp_path, *rows), columns={"text": "q", "task": "t"}, revision="1")
    assert found[0].task == {"answer": "2"}


def test_messages_are_taken_as_they_are_and_without_other_keys(tmp_path: Path) -> None:
    said = [{"role": "system", "content": "s", "x": None}, {"role": "user", "content": "u", "name": "n"}]
    (prompt,) = prompts(jsonl(tmp_path, {"m": said}), columns={"messages": "m"}, system="ignored")
    assert prompt.messages == [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    assert prompt.problem_text == "u"


def test_revision_and_keys_depend_on_content_not_on_place_or_order(tmp_path: Path) -> None:
    other = ROW | {"q": "What is 2 + 2?"}
    (tmp_path / "b").mkdir()
    first = prompts(jsonl(tmp_path, ROW, other), revision="")
    again = prompts(jsonl(tmp_path / "b", ROW, other))
    turned = prompts(jsonl(tmp_path / "b", other, ROW))
    assert first == again
    assert {prompt.source_key for prompt in turned} == {prompt.source_key for prompt in first}
    assert turned[0].revision != first[0].revision


def test_where_lets_rows_through(tmp_path: Path) -> None:
    rows = [ROW | {"q": f"What is {i}?", "split": split} for i, split in enumerate(["train", "test", "dev"])]
    assert len(prompts(jsonl(tmp_path, *rows), where={"split": "test"})) == 1
    assert len(prompts(jsonl(tmp_path, *rows), where={"split": ["test", "dev"]})) == 2


def test_an_equal_row_gives_no_second_prompt(tmp_path: Path) -> None:
    assert len(prompts(jsonl(tmp_path, ROW, ROW))) == 1


def test_one_key_for_two_different_rows_names_both_lines(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"line 2: source_key '7' is already that of .*f\.jsonl line 1"):
        prompts(jsonl(tmp_path, ROW, ROW | {"q": "Another?"}), columns={"text": "q", "source_key": "key"})


@pytest.mark.parametrize(
    ("row", "settings", "words"),
    [
        (ROW, {"columns": {"text": "qq"}}, ["line 1", "no column 'qq'", "it has q, a", "did you mean 'q'"]),
        (ROW, {"columns": {"text": "topic.nam"}}, ["no column 'topic.nam'"]),
        (ROW | {"q": ["x"]}, {}, ["line 1: text (column 'q')", 'found ["x"]', "wanted text or a number"]),
        (ROW | {"q": " "}, {}, ['found " "', "wanted text that is not empty"]),
        (ROW, {"columns": {"text": "q", "source_key": "topic"}}, ["source_key (column 'topic')", "sums"]),
        (ROW, {"columns": {"text": "q", "task": "a"}}, ["task (column 'a')", "wanted a JSON object"]),
        (ROW, {"columns": {"messages": "q"}}, ["messages (column 'q')", "role"]),
        ({"m": [{"role": "assistant", "content": "x"}]}, {"columns": {"messages": "m"}}, ["is an answer"]),
        ({"q": "x", "a": float("nan")}, {}, ["line 1: task", "NaN", "JSON"]),
        (ROW, {"where": {"a": "3"}}, ["f.jsonl: no row that `where` lets through"]),
        (ROW, {"where": {"b": "3"}}, ["no column 'b'"]),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path: Path, row: Any, settings: Any, words: list[str]) -> None:
    with pytest.raises(InputError) as error:
        prompts(jsonl(tmp_path, row), **settings)
    assert "\n" not in str(error.value)
    for word in ["f.jsonl", *words]:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"columns": {}}, ["columns", "one of the two"]),
        ({"columns": {"text": "q", "messages": "m"}}, ["columns", "one of the two"]),
        ({"columns": {"txt": "q"}}, ["columns.txt", "did you mean 'text'"]),
        ({"verifier": "strip"}, ["verifier", "did you mean 'strips'"]),
    ],
)
def test_a_wrong_setting_is_one_line(tmp_path: Path, settings: Any, words: list[str]) -> None:
    with pytest.raises(RecipeError) as error:
        prompts(jsonl(tmp_path, ROW), **settings)
    for word in ["sources.x", *words]:
        assert word in str(error.value)

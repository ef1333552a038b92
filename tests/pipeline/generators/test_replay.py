"""A recording is served as rollouts: the same whatever its order and place, its failures as failures."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline import plugins
from pipeline.generators import Reply, Request, replay
from pipeline.rows import iter_records
from pipeline.sources import pddl
from schemas.errors import InputError
from schemas.recipe_file import Origin

COLUMNS = {"source_key": "key", "text": "said"}


def recording(tmp_path: Path, *rows: dict[str, Any], name: str = "r.jsonl") -> Path:
    (tmp_path / name).write_text("".join(json.dumps({"key": "1"} | row) + "\n" for row in rows))
    return tmp_path / name


def configure(path: Path, columns: dict[str, str] | None = None, **settings: Any) -> replay.Config:
    options = {"path": str(path), "columns": COLUMNS | (columns or {}), **settings}
    config = plugins.configure(
        plugins.load("generators", "replay"), options, Origin("recipe.toml"), ("models", "target")
    )
    assert isinstance(config, replay.Config)
    return config


def serve(config: replay.Config, key: str = "1", n: int = 1, source: str = "s") -> list[Reply]:
    requests = [Request(f"{i:032}", source, key, i, []) for i in range(n)]

    async def collect() -> list[Reply]:
        async with replay.open_generator(config) as generate:
            return [reply async for reply in generate(requests)]

    return asyncio.run(collect())


def test_columns_are_mapped_and_thinking_is_kept_apart(tmp_path: Path) -> None:
    row = {"said": "4", "why": "2 + 2", "m": "r1", "end": "STOP", "asked": "2 + 2?", "usage": {"out": 7, "in": None}}
    columns = {"reasoning": "why", "model": "m", "finish_reason": "end", "prompt": "asked"}
    tokens = {"n_completion_tokens": "usage.out", "n_prompt_tokens": "usage.in"}
    (reply,) = serve(configure(recording(tmp_path, row), columns | tokens))
    sent = [{"role": "user", "content": "2 + 2?"}]
    assert reply == Reply(f"{0:032}", "4", "2 + 2", "stop", "r1", sent, n_completion_tokens=7)


@pytest.mark.parametrize(
    ("said", "reasoning", "text"),
    [
        ("4", None, "4"),
        ("<think>2 + 2</think>\n\n4", "2 + 2", "4"),
        ("<think>\n</think>4", None, "4"),
        ("2 + 2</think>4", "2 + 2", "4"),
        ("Well. <think>2 +</think> then <Thinking>2</thinking> 4", "2 +\n\n2", "Well.  then  4"),
        ("<think>2 + 2 is", "2 + 2 is", ""),
    ],
)
def test_raw_thinking_is_split_off(tmp_path: Path, said: str, reasoning: str | None, text: str) -> None:
    (reply,) = serve(configure(recording(tmp_path, {"said": said})))
    assert (reply.reasoning, reply.text, reply.error_kind) == (reasoning, text, None)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"said": "x", "end": "max_tokens"}, ("x", "length", None)),
        ({"said": None, "end": "length"}, ("", "length", None)),
        ({"said": "x", "end": None}, ("x", "stop", None)),
        ({"said": "", "end": "stop"}, ("", "stop", None)),
        ({"said": None, "end": "stop"}, (None, "error", "empty_recording")),
        ({"said": "x", "end": "error"}, (None, "error", "recorded_error")),
        ({"said": "x", "end": "stop", "err": "HTTP 500"}, (None, "error", "recorded_error")),
    ],
)
def test_how_a_row_ended(tmp_path: Path, row: dict[str, Any], expected: tuple[Any, ...]) -> None:
    (reply,) = serve(configure(recording(tmp_path, {"err": None} | row), {"finish_reason": "end", "error": "err"}))
    assert (reply.text, reply.finish_reason, reply.error_kind) == expected
    assert (reply.error is None) is (reply.error_kind is None)


def test_what_is_beyond_the_recording_was_not_run(tmp_path: Path) -> None:
    config = configure(recording(tmp_path, {"said": "x"}))
    assert [reply.error_kind for reply in serve(config, n=3)] == [None, "not_run", "not_run"]
    assert [reply.error_kind for reply in serve(config, key="2")] == ["not_run"]


def test_order_does_not_depend_on_the_file_and_is_fair_to_every_model(tmp_path: Path) -> None:
    rows = [{"said": f"{model} {i}", "m": model} for model in ("a", "b", "c") for i in range(3)]
    first = serve(configure(recording(tmp_path, *rows), {"model": "m"}), n=9)
    again = serve(configure(recording(tmp_path, *reversed(rows), name="s.jsonl"), {"model": "m"}), n=9)
    assert first == again
    assert [Counter(reply.model for reply in first[i : i + 3]) for i in (0, 3, 6)] == [Counter("abc")] * 3
    assert {reply.text for reply in first} == {row["said"] for row in rows}


def test_two_columns_of_one_recording_stay_in_step(tmp_path: Path) -> None:
    path = recording(tmp_path, *({"said": f"said {i}", "plan": f"plan {i}"} for i in range(9)))
    said, plans = (serve(configure(path, {"text": column}), n=9) for column in ("said", "plan"))
    assert [str(reply.text).split()[1] for reply in said] == [str(reply.text).split()[1] for reply in plans]


def test_a_sample_index_decides_the_order(tmp_path: Path) -> None:
    path = recording(tmp_path, *({"said": str(i), "i": i} for i in (2, 0, 1)))
    assert [reply.text for reply in serve(configure(path, {"sample_index": "i"}), n=3)] == ["0", "1", "2"]


def test_sources_may_share_keys_where_a_column_names_them(tmp_path: Path) -> None:
    config = configure(recording(tmp_path, {"said": "x", "of": "s"}, {"said": "y", "of": "t"}), {"source": "of"})
    assert [serve(config, source=source)[0].text for source in ("s", "t", "u")] == ["x", "y", None]


def test_where_picks_rows(tmp_path: Path) -> None:
    path = recording(tmp_path, {"said": "x", "style": "zero"}, {"said": "y", "style": "one"})
    assert [reply.text for reply in serve(configure(path, where={"style": "one"}), n=2)] == ["y", None]


def test_identity_is_content_and_reading_not_place(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    first, same = recording(tmp_path, {"said": "x"}), recording(tmp_path / "b", {"said": "x"})
    assert replay.identity(configure(first)) == replay.identity(configure(same))
    assert replay.identity(configure(first)) != replay.identity(configure(first, {"text": "key"}))
    before = replay.identity(configure(first))
    recording(tmp_path, {"said": "other"})
    assert replay.identity(configure(first)) != before


@pytest.mark.parametrize(
    ("row", "columns", "words"),
    [
        ({"said": "x"}, {"text": "sad"}, ["r.jsonl line 1", "no column 'sad'", "did you mean 'said'"]),
        ({"said": ["x"]}, {}, ["line 1: text (column 'said')", "wanted text or null"]),
        ({"said": "x", "end": "odd"}, {"finish_reason": "end"}, ["finish_reason", '"odd"', "max_tokens"]),
        ({"said": "x", "n": 1.5}, {"n_prompt_tokens": "n"}, ["n_prompt_tokens", "1.5", "whole number"]),
        ({"said": "x", "n": 10**12}, {"n_prompt_tokens": "n"}, ["n_prompt_tokens", "whole number"]),
        ({"said": "x", "n": float("inf")}, {"n_prompt_tokens": "n"}, ["n_prompt_tokens", "whole number"]),
        ({"said": "x", "key": None}, {}, ["source_key (column 'key')", "null"]),
        ({"said": "x", "asked": {"a": 1}}, {"prompt": "asked"}, ["prompt (column 'asked')"]),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path: Path, row: Any, columns: Any, words: list[str]) -> None:
    with pytest.raises(InputError) as error:
        serve(configure(recording(tmp_path, row), columns))
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_a_recording_that_is_not_there_or_empty_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        replay.identity(configure(tmp_path / "none.jsonl"))
    with pytest.raises(InputError, match="no recorded response that `where` lets through"):
        serve(configure(recording(tmp_path, {"said": "x"}), where={"said": "y"}))


@pytest.mark.slow
def test_planbench_is_served_whole(shared_data: Path) -> None:
    data = shared_data / "planbench"
    path = data / "blocksworld_3_responses.jsonl.gz"
    columns = {"source_key": "instance", "text": "response", "reasoning": "reasoning", "model": "model"}
    more = {"prompt": "prompt", "n_completion_tokens": "usage.completion_tokens"}
    config = configure(path, columns | more)
    problems = pddl.Config(
        domain=str(data / "blocksworld_domain.pddl"), instances=str(data / "blocksworld_3_instances.tar.xz")
    )
    served = [reply for prompt in pddl.read(problems) for reply in serve(config, prompt.source_key, n=32)]
    run = [reply for reply in served if reply.error_kind is None]
    recorded = [record for _, record in iter_records(path)]
    assert len(run) == len(recorded) == 2191
    assert Counter(reply.text for reply in run) == Counter(row["response"] for row in recorded)
    assert {reply.model for reply in run if reply.reasoning} == {"deepseek-r1-api"}
    assert sum(reply.reasoning is not None for reply in run) == 100
    assert sum(reply.n_completion_tokens is not None for reply in run) == 200

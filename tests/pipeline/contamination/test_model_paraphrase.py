"""A chat model behind a server rewords benchmark rows; what it does not reword is counted and left out."""

import logging
import re
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline.contamination.chat import chat_model
from pipeline.contamination.self_test import Config, run
from schemas.errors import BackendError, RecipeError
from schemas.recipe import Decontaminate
from schemas.tables import Benchmarks, SelfTests, frame_of

TEXTS = [
    f"A dealer in maps owns {n} of them and trades every third one for lamps with somebody who keeps {n + 30} violins "
    f"behind a barn. How many lamps can the dealer have when {2 * n} violins are gone?"
    for n in range(11, 19)
]
BENCHMARKS = frame_of(
    Benchmarks,
    [{"benchmark": "b", "benchmark_row": str(n), "text": t, "answer": str(100 + n)} for n, t in enumerate(TEXTS)],
)


def swapped(text: str) -> str:
    """The same words, every two of them the other way round."""
    words = text.split()
    return " ".join(word for i in range(0, len(words), 2) for word in reversed(words[i : i + 2]))


@pytest.fixture
def rewords(model_server: Any, faults: Any) -> Callable[..., Decontaminate]:
    """Have the server answer with what a function makes of the text that it is sent: its message, and how it ended."""

    def use(make: Callable[[str], tuple[str, str]]) -> Decontaminate:
        def answer(body: dict[str, Any]) -> Any:
            sent = re.search(r"<(text-\w+)>\n(.*)\n</\1>", body["messages"][-1]["content"], re.DOTALL)
            assert sent
            said, end = make(sent[2])
            if end == "error":
                return faults.status(400, said)
            return faults.body({"choices": [{"message": {"content": said}, "finish_reason": end}]})

        model_server.misbehave = answer
        return Decontaminate(rules=["coverage_8", "numbers"], rephraser=f"{model_server.url}#m")

    return use


def measured(config: Decontaminate) -> pl.DataFrame:
    """The self-test with the model that `rephraser` names."""
    generator = chat_model(config.rephraser, "rephraser") if config.rephraser else None
    return run(BENCHMARKS, Config(**config.model_dump(), generator=generator))


def by_model(found: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Of each rule: n, n_left_out, n_hit and share."""
    return found.filter(kind="rephrased_by_model").select("n", "n_left_out", "n_hit", "share").rows()


def test_what_a_model_makes_of_rows_is_planted_beside_the_other_kinds(rewords: Any, model_server: Any) -> None:
    config = rewords(lambda text: (f"<think>{text}</think>{swapped(text)}", "stop"))
    found = measured(config)
    SelfTests.validate(found)
    assert by_model(found) == [(8, 0, 0, 0.0), (8, 0, 8, 1.0)]
    assert len(model_server.asked) == 8
    assert {body["temperature"] for body in model_server.asked} == {0}
    others = found.filter(pl.col("kind").cast(pl.String) != "rephrased_by_model")
    assert_frame_equal(others, measured(config.model_copy(update={"rephraser": ""})))


def test_rows_that_are_not_reworded_are_left_out_and_counted(rewords: Any, caplog: pytest.LogCaptureFixture) -> None:
    said = {"owns 11 ": ("I will not", "error"), "owns 12 ": ("", "stop"), "owns 13 ": ("A dealer", "length")}

    def make(text: str) -> tuple[str, str]:
        if "owns 14 " in text:
            return f" {text.upper()}\n", "stop"
        return next((answer for what, answer in said.items() if what in text), (swapped(text), "stop"))

    config = rewords(make)
    with caplog.at_level(logging.WARNING):
        found = measured(config)
    assert by_model(found) == [(4, 4, 0, 0.0), (4, 4, 4, 1.0)]
    assert "1 cut_off, 1 empty, 1 failed, 1 repeated, 4 reworded" in caplog.text
    assert "I will not" in caplog.text
    assert set(found.filter(kind="exact").select("n", "n_left_out").rows()) == {(8, 0)}


def test_a_model_that_only_repeats_measures_nothing(rewords: Any) -> None:
    found = measured(rewords(lambda text: (text, "stop")))
    SelfTests.validate(found)
    assert by_model(found) == [(0, 8, 0, None)] * 2


@pytest.mark.parametrize("key", ["", "sesame"])
def test_what_keeps_a_model_from_being_asked_names_the_setting(
    rewords: Any, model_server: Any, faults: Any, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    config = rewords(lambda text: (text, "stop"))
    monkeypatch.setenv("COLDSTART_REPHRASER_KEY", key)
    model_server.misbehave = lambda _: faults.status(401)
    mend = "does \\$COLDSTART_REPHRASER_KEY hold" if key else "export its key as COLDSTART_REPHRASER_KEY"
    with pytest.raises(BackendError, match=mend):
        measured(config)
    model_server.kill()
    with pytest.raises(BackendError, match="start the server or mend rephraser;"):
        measured(config)


def test_a_place_that_is_no_server_is_told() -> None:
    with pytest.raises(RecipeError, match="rephraser: found no URL; wanted URL#MODEL"):
        measured(Decontaminate(rephraser="planner"))
    with pytest.raises(ValueError, match="self_test = 0 asks for none"):
        Decontaminate(rephraser="http://127.0.0.1:8000/v1#m", self_test=0)

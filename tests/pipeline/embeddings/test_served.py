"""Embeddings over HTTP are those of the model, in order; what passes is tried again, and what does not is one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.embeddings import open_embedder
from pipeline.served_model import retries
from schemas.errors import BackendError, RecipeError

pytestmark = pytest.mark.server

TEXTS = [f"baker sells {'five ' * (k % 7)} cakes {'at dawn ' * (k % 3)}" for k in range(100)]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_grow", lambda _: 0.0)


@pytest.fixture
def embed(embedding_server: Any) -> Callable[..., np.ndarray]:
    def ask(texts: list[str] = TEXTS, model: str = "tiny") -> np.ndarray:
        return open_embedder(f"{embedding_server.url}#{model}").embed(texts)

    return ask


@pytest.fixture
def refused(embed: Callable[..., np.ndarray]) -> Callable[..., str]:
    def message(**asked: Any) -> str:
        with pytest.raises(BackendError) as caught:
            embed(**asked)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return message


def vectors(*rows: Any) -> dict[str, Any]:
    return {"data": [{"index": i, "embedding": row} for i, row in enumerate(rows)]}


def test_rows_are_those_of_the_model_in_the_order_of_the_texts(embed: Any, embedding_model: Path) -> None:
    local = open_embedder(str(embedding_model)).embed([*TEXTS, ""])
    assert embed([*TEXTS, ""]) == pytest.approx(local, abs=1e-6)


def test_empty_texts_are_not_sent(embed: Any, embedding_server: Any) -> None:
    assert not embed(["", " "]).any()
    assert embedding_server.asked == []


def test_what_passes_is_tried_again(embed: Any, embedding_server: Any) -> None:
    embedding_server.fails(429, Retry_After="0.01")
    embedding_server.fails(500)
    embedding_server.drops()
    embedding_server.fails(200, vectors([1.0]))
    assert embed() == pytest.approx(embed())
    assert len(embedding_server.asked) == 4 + 2 * 4


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        (vectors([1.0]), "1 embeddings for 2 texts"),
        ({"data": [{"index": 0, "embedding": [1.0]}] * 2}, "2 embeddings for 2 texts, numbered from 0 to 1"),
        (vectors([1.0, 2.0], [1.0]), "no lists of numbers, or differ in length"),
        (vectors([], []), "no lists of numbers"),
        (vectors([1.0], [0.0]), "an embedding of zeros"),
        (vectors([1.0], [None]), "not finite"),
        (vectors([1.0], [1e60]), "not finite"),
        (vectors([1.0], [10**400]), "no lists of numbers"),
        (b"<html>", "not a list of embeddings: <html>"),
        ({"object": "list"}, "not a list of embeddings"),
    ],
)
def test_an_answer_that_stays_wrong_is_told(refused: Any, embedding_server: Any, payload: Any, found: str) -> None:
    for _ in range(5):
        embedding_server.fails(200, payload)
    text = refused(texts=["a", "b"])
    assert text.startswith(f"{embedding_server.url}: texts 1 to 2: ")
    assert found in text
    assert len(embedding_server.asked) == 5


def test_embeddings_of_two_lengths_are_told(refused: Any, embedding_server: Any) -> None:
    embedding_server.fails(200, vectors(*[[1.0, 0.0]] * 32))
    assert "embeddings of 64 numbers, those before had 2; one model must answer" in refused()


def test_a_server_that_is_down_is_told_at_once(refused: Any, embedding_server: Any) -> None:
    embedding_server.close()
    assert refused().endswith("start the server or mend embedder")


def test_a_model_that_is_not_there_shows_those_that_are(refused: Any, embedding_server: Any) -> None:
    assert f"{embedding_server.url}: no such model; name one that this server has: tiny, judge (HTTP 404" in refused(
        model="other"
    )
    embedding_server.fails(404)
    assert "the server has tiny, but not for such requests" in refused()


def test_a_text_that_is_too_long_is_told(refused: Any, embedding_server: Any) -> None:
    embedding_server.fails(400, {"error": {"message": "maximum context length is 10 tokens"}})
    assert refused(texts=["a" * 5000, "b"]).endswith("10 tokens; the longest text has 5,000 characters")
    assert len(embedding_server.asked) == 1


def test_the_key_is_sent_and_never_shown(
    refused: Any, embed: Any, embedding_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedding_server.fails(401, {"error": {"message": "who are you"}})
    assert "export its key as COLDSTART_EMBEDDER_KEY" in refused()
    monkeypatch.setenv("COLDSTART_EMBEDDER_KEY", "sesame")
    embedding_server.fails(401, {"error": {"message": "sesame is wrong"}})
    assert "does $COLDSTART_EMBEDDER_KEY hold the right key? (HTTP 401: *** is wrong)" in refused()
    embed()
    assert embedding_server.keys[-1] == "Bearer sesame"
    for _ in range(5):
        embedding_server.fails(200, {"headers": {"authorization": "Bearer sesame"}})
    assert "Bearer ***" in refused()


def test_a_key_that_is_none_is_told(embed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLDSTART_EMBEDDER_KEY", "sesame\u2026")
    with pytest.raises(RecipeError, match="COLDSTART_EMBEDDER_KEY holds characters that no key has"):
        embed()


def test_requests_are_what_servers_read(embed: Any, embedding_server: Any) -> None:
    embed(["buys apples"])
    (body,) = embedding_server.asked
    assert json.dumps(body) == '{"model": "tiny", "input": ["buys apples"], "encoding_format": "float"}'

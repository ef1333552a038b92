"""A request says what the settings say and nothing else, and is written once for all that ask the same."""

import json
from dataclasses import replace
from typing import Any

import pytest

from pipeline.generators import Request
from pipeline.served_model.capabilities import Features
from pipeline.served_model.prompt import Prompt, body
from pipeline.served_model.settings import ServedSettings
from pipeline.served_model.structured import schema_key

PLAIN = Request("0-0", "s", "0", 0, [{"role": "user", "content": "What is 2 + 2?"}])
HELD = replace(PLAIN, response_schema={"type": "object"})


def prompt(request: Request = PLAIN, **settings: Any) -> Prompt:
    return Prompt(request, ServedSettings(**settings), "m", schema_key(request.response_schema), None)


def test_every_setting_has_its_field() -> None:
    settings = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 9, "stop": ["x"], "logprobs": True}
    assert body(PLAIN, ServedSettings(**settings, extra_body={"top_k": 5}), "m", n=3, counts=True) == {
        "model": "m",
        "messages": PLAIN.messages,
        **settings,
        "top_k": 5,
        "n": 3,
        "return_token_ids": True,
    }


def test_what_is_not_set_is_not_sent() -> None:
    sampling = {name: getattr(ServedSettings(), name) for name in ("temperature", "top_p", "max_tokens")}
    assert body(PLAIN, ServedSettings(), "m") == {"model": "m", "messages": PLAIN.messages, **sampling}


@pytest.mark.parametrize("name", ["temperature", "top_p", "max_tokens"])
def test_a_setting_that_a_model_refuses_can_be_left_out(name: str) -> None:
    assert body(PLAIN, ServedSettings(), "m").keys() - body(PLAIN, ServedSettings(omit=[name]), "m").keys() == {name}


def test_a_schema_is_sent_as_the_settings_say() -> None:
    assert body(HELD, ServedSettings(), "m")["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert body(HELD, ServedSettings(structured="off"), "m") == body(PLAIN, ServedSettings(), "m")


def test_a_schema_that_the_server_refuses_is_not_sent() -> None:
    held = prompt(HELD)
    assert "response_format" in json.loads(held.body(Features(schema=held.schema)))
    assert json.loads(held.body(Features())) == json.loads(prompt().body(Features()))


def test_a_body_is_written_once_for_each_way_of_asking() -> None:
    asked = prompt()
    assert asked.body(Features(2)) is asked.body(Features(2))
    assert json.loads(asked.body(Features(3, counts=True)))["n"] == 3


def test_a_load_is_the_prompt_once_and_the_longest_answer_of_every_sample() -> None:
    said = [{"role": "system", "content": "x" * 300}, {"role": "user", "content": "x" * 100}]
    load = prompt(replace(PLAIN, messages=said), max_tokens=50).load(3)
    assert (load.n_tokens, load.n_samples) == (100 + 3 * 50, 3)

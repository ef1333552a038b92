"""Plans are held to their schema where a server can, checked in any case, and stay text where it cannot."""

import json
from typing import Any

import pytest

from pipeline.generators import Reply
from pipeline.served_model.structured import held_to_schema, schema_fields, schema_key, violation

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def says(*contents: str) -> Any:
    """A server that says one thing after the other."""
    left = list(contents)

    async def answer(server: Any, _: Any, body: Any) -> Any:
        completion = server.completion(body)
        for choice in completion["choices"]:
            choice["message"]["content"] = left.pop(0)
        return server.reply(200, completion)

    return lambda _: answer


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"n": 4}', None),
        ('{"n": "4"}', "$.n: '4' is not of type 'integer'"),
        ("{}", "$: 'n' is a required property"),
        ("[4]", "$: [4] is not of type 'object'"),
        ("## Plan", None),
        ('```json\n{"n": "4"}\n```', None),
        ("4", None),
        ("[" * 100_000, None),
    ],
)
def test_json_that_is_something_else_is_a_violation(text: str, why: str | None) -> None:
    assert violation(text, schema_key(SCHEMA)) == why


def test_a_long_answer_is_not_repeated_in_its_reason() -> None:
    assert len(str(violation(json.dumps({"n": "x" * 10_000}), schema_key(SCHEMA)))) <= 200


def test_a_violation_leaves_nothing_of_the_answer_but_what_it_cost() -> None:
    reply = Reply("0-0", text="{}", reasoning="hm", model="m", n_completion_tokens=9)
    held = held_to_schema(reply, schema_key(SCHEMA))
    assert (held.text, held.reasoning, held.finish_reason) == (None, None, "error")
    assert (held.model, held.n_completion_tokens) == ("m", 9)
    assert held_to_schema(reply, "") is reply


def test_schemas_that_differ_in_their_order_alone_are_one() -> None:
    assert schema_key(SCHEMA) == schema_key(dict(reversed(SCHEMA.items())))
    assert schema_key(None) == ""


def test_each_way_of_sending_a_schema_has_its_field() -> None:
    assert schema_fields(SCHEMA, "structured_outputs") == {"structured_outputs": {"json": SCHEMA}}
    assert schema_fields(SCHEMA, "json_schema").keys() == {"response_format"}
    assert schema_fields(SCHEMA, "off") == {}


@pytest.mark.parametrize("how", ["json_schema", "structured_outputs"])
def test_an_answer_that_violates_the_schema_is_asked_for_once_more(
    model_server: Any, answer: Any, prompts: Any, how: str
) -> None:
    model_server.misbehave = says('{"n": "4"}', '{"n": 4}')
    (reply,) = answer(model_server, prompts("a", schema=SCHEMA), structured=how)
    assert (reply.text, reply.failed_attempts) == ('{"n": 4}', ("schema_violated",))
    assert all(schema_fields(SCHEMA, how).items() <= body.items() for body in model_server.asked)


def test_one_that_violates_it_again_is_a_row_with_its_reason(model_server: Any, answer: Any, prompts: Any) -> None:
    model_server.misbehave = says('{"n": "4"}', "{}")
    (reply,) = answer(model_server, prompts("a", schema=SCHEMA))
    assert (reply.text, reply.error_kind, reply.error) == (None, "schema_violated", "$: 'n' is a required property")
    assert reply.failed_attempts == ("schema_violated", "schema_violated")
    assert (reply.model, reply.n_prompt_tokens, reply.n_completion_tokens) == ("m", 7, 4)  # it was paid for


def test_of_samples_asked_together_only_the_wrong_one_is_asked_for_again(
    model_server: Any, answer: Any, prompts: Any
) -> None:
    model_server.misbehave = says('{"n": 1}', '{"n": "2"}', '{"n": 3}', '{"n": 4}')
    replies = answer(model_server, prompts("a", n=3, schema=SCHEMA), count_tokens=False)
    assert [reply.text for reply in replies] == ['{"n": 1}', '{"n": 4}', '{"n": 3}']
    assert [body.get("n", 1) for body in model_server.asked] == [3, 1]
    assert [reply.failed_attempts for reply in replies] == [(), ("schema_violated",), ()]


def test_an_attempt_that_failed_before_is_told_by_one_of_them_alone(
    model_server: Any, faults: Any, answer: Any, prompts: Any
) -> None:
    model_server.faults.append(faults.status(500))
    model_server.misbehave = says('{"n": 1}', '{"n": "2"}', '{"n": 3}')
    replies = answer(model_server, prompts("a", n=2, schema=SCHEMA), count_tokens=False)
    assert [reply.failed_attempts for reply in replies] == [("server_error",), ("schema_violated",)]


def test_where_there_is_one_attempt_a_violation_is_not_asked_for_again(
    model_server: Any, answer: Any, prompts: Any
) -> None:
    model_server.misbehave = says('{"n": "4"}', '{"n": 4}')
    (reply,) = answer(model_server, prompts("a", schema=SCHEMA), max_attempts=1)
    assert (reply.error_kind, len(model_server.asked)) == ("schema_violated", 1)


def test_an_answer_that_was_cut_off_is_delivered_as_it_is(model_server: Any, answer: Any, prompts: Any) -> None:
    model_server.message, model_server.changes = {"content": '{"n": "4"}'}, {"finish_reason": "length"}
    (reply,) = answer(model_server, prompts("a", schema=SCHEMA))
    assert (reply.text, reply.finish_reason) == ('{"n": "4"}', "length")


def test_a_server_that_ignores_the_schema_answers_in_text(model_server: Any, answer: Any, prompts: Any) -> None:
    model_server.message = {"content": "## Plan\n1. Add."}
    (reply,) = answer(model_server, prompts("a", schema=SCHEMA))
    assert (reply.text, reply.failed_attempts) == ("## Plan\n1. Add.", ())


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Unrecognized request argument: response_format"),
        (400, "Failed to convert the grammar from JSON schema"),
        (422, "no"),
        (501, "not implemented"),
    ],
)
def test_a_schema_that_is_refused_is_left_out_from_then_on_and_this_is_said_once(
    model_server: Any, faults: Any, answer: Any, prompts: Any, caplog: Any, status: int, message: str
) -> None:
    refusal = faults.status(status, message)
    model_server.misbehave = lambda body: refusal if "response_format" in body else None
    model_server.message = {"content": "## Plan"}
    replies = answer(model_server, prompts("a", "b", schema=SCHEMA), concurrency=1)
    assert [reply.text for reply in replies] == ["## Plan"] * 2
    assert ["response_format" in body for body in model_server.asked] == [True, False, False]
    assert [len(reply.failed_attempts) for reply in replies] == [1, 0]
    (said,) = [record.message for record in caplog.records if "cannot hold answers" in record.message]
    assert model_server.url in said
    assert message in said
    assert "Set `structured`" in said


def test_a_schema_that_is_refused_to_many_at_once_is_said_once(
    model_server: Any, faults: Any, answer: Any, prompts: Any, caplog: Any
) -> None:
    refusal = faults.status(400, "response_format: no")
    model_server.misbehave = lambda body: refusal if "response_format" in body else None
    answer(model_server, prompts("a", "b", "c", schema=SCHEMA))
    assert sum("response_format" in body for body in model_server.asked) == 3
    assert sum("cannot hold answers" in record.message for record in caplog.records) == 1


def test_with_structured_off_no_answer_is_checked(model_server: Any, answer: Any, prompts: Any) -> None:
    model_server.message = {"content": '{"n": "4"}'}
    assert answer(model_server, prompts("a", schema=SCHEMA), structured="off")[0].text == '{"n": "4"}'

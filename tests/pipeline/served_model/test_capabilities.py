"""What a server can do is found out by asking, and what it refuses or drops is left out from then on."""

from typing import Any

import pytest

from pipeline.generators import CONTEXT_OVERFLOW
from pipeline.served_model.capabilities import Capabilities, Features, capabilities
from pipeline.served_model.completion import CONTENT_FILTER, ChatCompletion, RequestFailed
from pipeline.served_model.refusals import BAD_REQUEST, CONNECTION, RATE_LIMIT, SERVER_ERROR

ALL = Features(4, counts=True, schema="{}")


def completion(n: int, token_ids: list[int] | None = None) -> ChatCompletion:
    return ChatCompletion("m", [{"message": {"content": "x"}, "token_ids": token_ids}] * n, {})


@pytest.mark.parametrize(
    ("status", "kind", "text", "name"),
    [
        (400, BAD_REQUEST, "Unrecognized request argument: response_format", "schema"),
        (400, BAD_REQUEST, "Failed to compile the grammar", "schema"),
        (400, BAD_REQUEST, "Unrecognized request argument: return_token_ids", "counts"),
        (422, BAD_REQUEST, "n must be 1", "n"),
        (501, SERVER_ERROR, "not implemented", "schema"),
        (500, SERVER_ERROR, "Only one completion choice is allowed", "n"),
        (429, RATE_LIMIT, "n requests a minute", None),
        (None, CONNECTION, "schema", None),
    ],
)
def test_a_failure_is_blamed_on_the_feature_that_it_names(
    status: int | None, kind: str, text: str, name: str | None
) -> None:
    assert Capabilities().refused(ALL, RequestFailed(kind, text, status)) == name


def test_only_what_was_asked_for_is_blamed() -> None:
    failure = RequestFailed(BAD_REQUEST, "response_format, return_token_ids, n", 400)
    assert Capabilities().refused(Features(), failure) is None
    assert Capabilities().refused(ALL.without("schema"), failure) == "counts"
    assert Capabilities().refused(Features(4), failure) == "n"


@pytest.mark.parametrize("kind", [CONTEXT_OVERFLOW, CONTENT_FILTER])
def test_what_a_prompt_is_refused_for_by_itself_is_blamed_on_no_schema(kind: str) -> None:
    asked = Features(counts=True, schema="{}")
    assert Capabilities().refused(asked, RequestFailed(kind, "schema", 400)) is None


def test_what_has_worked_is_not_blamed() -> None:
    can = Capabilities()
    can.learn(ALL, completion(4, [1]))
    for text in ("response_format", "return_token_ids", "n"):
        assert can.refused(ALL, RequestFailed(BAD_REQUEST, text, 400)) is None
    assert can.refused(ALL._replace(schema="[]"), RequestFailed(BAD_REQUEST, "no", 400)) == "schema"


def test_an_answer_shows_what_was_dropped_without_a_word() -> None:
    can = Capabilities()
    can.learn(ALL, completion(1))
    assert (can.takes_n, can.counts_each) == (False, False)
    assert not can.worth_asking(1, counts=True, schema="").counts


def test_an_answer_says_nothing_of_what_was_not_asked_for() -> None:
    can = Capabilities()
    can.learn(Features(), completion(1, [1]))
    assert can == Capabilities()


def test_what_is_lacking_is_not_asked_for_again_and_a_schema_by_itself() -> None:
    can = Capabilities()
    for name in ("schema", "counts", "n"):
        can.lacks(name, ALL)
    assert can.worth_asking(1, counts=True, schema="{}") == Features()
    assert can.worth_asking(1, counts=True, schema="[]") == Features(schema="[]")
    assert can.takes_n is False


def test_what_is_known_belongs_to_the_servers_and_their_model() -> None:
    known = capabilities(("http://a/v1",), "m")
    assert capabilities(("http://a/v1",), "m") is known
    assert capabilities(("http://a/v1",), "n") is not known
    assert capabilities(("http://a/v1", "http://b/v1"), "m") is not known


# Against a server


def test_samples_go_out_together_once_the_server_shows_that_it_counts_each(
    model_server: Any, answer: Any, prompts: Any
) -> None:
    replies = answer(model_server, prompts("a", "b", n=4), concurrency=1)
    assert model_server.n_asked == [1, 3, 4]
    assert [reply.rollout_id for reply in replies] == [f"{p}-{i}" for p in range(2) for i in range(4)]
    assert len({reply.text for reply in replies}) == 8
    assert all(reply.n_completion_tokens == 3 + int(str(reply.text).split()[1]) for reply in replies)


def test_what_was_learned_is_kept_for_the_next_step(model_server: Any, answer: Any, prompts: Any) -> None:
    for problem in "ab":
        answer(model_server, prompts(problem, n=4), concurrency=1)
    assert model_server.n_asked == [1, 3, 4]


def test_a_server_without_counts_of_each_is_asked_one_by_one(model_server: Any, answer: Any, prompts: Any) -> None:
    model_server.has_token_ids, model_server.delay_s = False, 0.01
    replies = answer(model_server, prompts("a", n=4), concurrency=1)
    assert model_server.n_asked == [1, 1, 1, 1]
    assert model_server.most_in_flight == 1
    assert [reply.n_completion_tokens for reply in replies] == [3, 4, 5, 6]


@pytest.mark.parametrize("count_tokens", [True, False])
def test_where_n_is_dropped_the_rest_is_asked_for_one_by_one(
    model_server: Any, answer: Any, prompts: Any, count_tokens: bool
) -> None:
    model_server.drops_n = True
    replies = answer(model_server, prompts("a", "b", n=4), count_tokens=count_tokens, concurrency=1)
    assert sum(n > 1 for n in model_server.n_asked) == 1
    assert len({reply.text for reply in replies}) == 8
    assert all(reply.n_completion_tokens for reply in replies)


@pytest.mark.parametrize("field", ["n", "return_token_ids"])
def test_a_field_that_is_refused_is_left_out_from_then_on(
    model_server: Any, answer: Any, prompts: Any, field: str
) -> None:
    model_server.refuses = frozenset([field])
    replies = answer(model_server, prompts("a", "b", n=4), concurrency=1)
    assert all(reply.text and reply.n_completion_tokens for reply in replies)
    assert sum(field in body for body in model_server.asked) == 1


def test_greedy_samples_are_asked_for_one_by_one_as_vllm_wants(model_server: Any, answer: Any, prompts: Any) -> None:
    answer(model_server, prompts("a", n=3), temperature=0, concurrency=1)
    assert model_server.n_asked == [1, 1, 1]


def test_more_samples_than_one_request_may_have_are_spread(model_server: Any, answer: Any, prompts: Any) -> None:
    replies = answer(model_server, prompts("a", n=100), count_tokens=False)
    assert model_server.n_asked == [64, 36]
    assert len({reply.text for reply in replies}) == 100


def test_a_prompt_with_one_sample_is_not_asked_for_the_ids_of_its_tokens(
    model_server: Any, answer: Any, prompts: Any
) -> None:
    answer(model_server, prompts("a"))
    assert "return_token_ids" not in model_server.asked[0]


def test_a_passing_error_does_not_end_asking_for_several(
    model_server: Any, faults: Any, answer: Any, prompts: Any
) -> None:
    model_server.faults.append(faults.status(500))
    answer(model_server, prompts("a", "b", n=4), count_tokens=False, concurrency=1)
    assert model_server.n_asked == [4, 4, 4]


def test_an_error_that_stays_for_several_but_not_for_one_does(
    model_server: Any, faults: Any, answer: Any, prompts: Any
) -> None:
    model_server.misbehave = lambda body: faults.status(500) if "n" in body else None
    replies = answer(model_server, prompts("a", "b", n=3), count_tokens=False, concurrency=1)
    assert model_server.n_asked == [3, 3, *[1] * 6]
    assert len({reply.text for reply in replies}) == 6


def test_a_prompt_that_always_breaks_the_server_does_not_end_asking_for_several(
    model_server: Any, faults: Any, answer: Any, prompts: Any
) -> None:
    model_server.misbehave = lambda body: faults.status(500) if body["messages"][0]["content"] == "poison" else None
    replies = answer(model_server, prompts("poison", "b", n=3), count_tokens=False, concurrency=1)
    assert [reply.error_kind for reply in replies] == ["server_error"] * 3 + [None] * 3
    assert model_server.n_asked[-1] == 3

"""What a refusal means is told apart by its status, its code and, where there is neither, its words."""

from datetime import UTC, datetime

import pytest

from pipeline.served_model.completion import RequestFailed
from pipeline.served_model.refusals import LONGER_CONTEXT, refusal, retry_after_s, said
from pipeline.served_model.settings import NO_KEY, Key
from schemas.errors import BackendError


@pytest.mark.parametrize(
    ("status", "text", "code", "kind"),
    [
        (400, "This model's maximum context length is 10 tokens.", "", "context_overflow"),
        (400, "The input (20 tokens) is longer than the model's context length (10 tokens).", "", "context_overflow"),
        (400, "the request exceeds the available context size, try increasing it", "", "context_overflow"),
        (400, "The decoder prompt (length 9) is longer than the maximum model length of 4.", "", "context_overflow"),
        (422, "Input validation error: `inputs` must have less than 1024 tokens.", "", "context_overflow"),
        (400, "max_tokens must be at least 1, got -3.", "", "context_overflow"),
        (400, "too much", "context_length_exceeded", "context_overflow"),
        (500, "prompt is too long", "", "context_overflow"),
        (400, "temperature is out of range", "", "bad_request"),
        (400, "filtered", "content_filter", "content_filter"),
        (400, "filtered", "content_policy_violation", "content_filter"),
        (408, "no", "", "timeout"),
        (429, "slow down", "", "rate_limit"),
        (429, "too many tokens a minute", "", "rate_limit"),
        (500, "out of order", "", "server_error"),
        (503, "overloaded", "", "server_error"),
    ],
)
def test_kinds_are_told_apart(status: int, text: str, code: str, kind: str) -> None:
    found = refusal(status, text, code, NO_KEY)
    assert isinstance(found, RequestFailed)
    assert (found.kind, found.status) == (kind, status)


def test_what_overflows_says_what_to_do() -> None:
    assert refusal(400, "prompt is too long.", "", NO_KEY).args == (f"prompt is too long; {LONGER_CONTEXT}",)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "", "does $K hold the right key?"),
        (403, "", "does $K hold the right key?"),
        (402, "", "no credit left"),
        (429, "insufficient_quota", "no credit left"),
    ],
)
def test_what_somebody_must_mend_ends_it_all(status: int, code: str, words: str) -> None:
    found = refusal(status, "x", code, Key("secret", "K"))
    assert isinstance(found, BackendError)
    assert words in str(found)
    assert "api_key_env" in str(refusal(401, "x", "", NO_KEY))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"error": {"message": "no", "code": "c"}}', ("no", "c")),
        (b'{"error": "no"}', ("no", "")),
        (b'{"message": "no", "type": "t"}', ("no", "t")),
        (b'{"detail": [{"msg": "no"}]}', ('[{"msg": "no"}]', "")),
        (b"<html>no</html>", ("<html>no</html>", "")),
        (b"[]", ("Bad", "")),
        (b"", ("Bad", "")),
    ],
)
def test_what_a_server_said_is_found_where_it_put_it(content: bytes, found: tuple[str, str]) -> None:
    assert said(content, "Bad") == found


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Sat, 21 Nov 2026 12:00:30 -0000", 30.0),
        ("soon", None),
        ("inf", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after_s(header, datetime(2026, 11, 21, 12, tzinfo=UTC)) == seconds

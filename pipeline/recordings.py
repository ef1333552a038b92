"""Recorded responses: what a row of a recording says came back, in the words of `Reply`."""

from dataclasses import replace

from pydantic import Field

from pipeline.generators import Reply
from pipeline.records import Row, messages_in
from pipeline.thinking import split_thinking
from schemas.recipe import Settings

RECORDED_ERROR = "recorded_error"
EMPTY_RECORDING = "empty_recording"

FINISH_REASONS = {
    "stop": ("stop", "eos", "end_turn", "stop_sequence", "tool_calls", "completed", "complete"),
    "length": ("length", "max_tokens", "max_output_tokens", "model_length"),
    "error": ("error", "content_filter", "safety", "refusal", "abort"),
}
"""What servers call the three ways in which generation ends, in lower case."""

_FINISH = {word: reason for reason, words in FINISH_REASONS.items() for word in words}
_MAX_COUNT = 2**31 - 1


class Columns(Settings):
    """Which column holds what; `a.b` is the field b of the column a; empty: there is none."""

    source_key: str = Field(description="Which prompt was answered: the source's own key.")
    text: str = Field(description="The response; raw <think> blocks in it are taken as reasoning.")
    source: str = Field("", description="Name of the source in the recipe; empty: keys are unique across sources.")
    prompt: str = Field("", description="The prompt as sent: text, or a list of {role, content}.")
    reasoning: str = Field("", description="Thinking, where it was recorded apart.")
    model: str = Field("", description="The model that answered (or give `model` for all rows).")
    finish_reason: str = Field("", description="How generation ended: stop, length or error.")
    error: str = Field("", description="The failure in words; null where there was none.")
    sample_index: str = Field("", description="Number of the sample; without it, content decides the order.")
    n_prompt_tokens: str = Field("", description="Prompt tokens.")
    n_completion_tokens: str = Field("", description="Completion tokens, thinking included.")
    n_reasoning_tokens: str = Field("", description="Thinking tokens.")


def recorded_reply(row: Row, model: str) -> Reply:
    """The reply (without its rollout_id) that a row records; SchemaError where a value does not fit its field.

    A row with an error, or without text, is a reply with `error_kind`; text that thinking used up is empty text.
    """
    said = row.value("text")
    if said is not None and not isinstance(said, str):
        raise row.wrong("text", said, "text or null")
    finish, error = _finish(row), row.optional("error")
    thought, text = split_thinking(said) if said is not None else (None, None)
    reasoning = "\n\n".join(part for part in (row.optional("reasoning"), thought) if part and part.strip())
    reply = Reply(
        rollout_id="",
        text=text,
        reasoning=reasoning or None,
        finish_reason=finish,
        model=model or None,
        messages=_messages(row),
        n_prompt_tokens=count_of(row, "n_prompt_tokens"),
        n_completion_tokens=count_of(row, "n_completion_tokens"),
        n_reasoning_tokens=count_of(row, "n_reasoning_tokens"),
    )
    if error or finish == "error":
        return _failed(reply, RECORDED_ERROR, error or f"recorded as {row.value('finish_reason')}")
    if text is None and finish == "length":
        return replace(reply, text="")  # cut off while it was thinking
    return reply if text is not None else _failed(reply, EMPTY_RECORDING, "the recording holds no text for this row")


def _failed(reply: Reply, kind: str, error: str) -> Reply:
    return replace(reply, text=None, reasoning=None, finish_reason="error", error_kind=kind, error=error)


def _finish(row: Row) -> str:
    """How generation ended, in our three words; `stop` where the recording does not say."""
    said = row.optional("finish_reason")
    if not said:
        return "stop"
    if said.lower() not in _FINISH:
        raise row.wrong("finish_reason", said, f"one of {', '.join(_FINISH)}, or null")
    return _FINISH[said.lower()]


def _messages(row: Row) -> list[dict[str, str]] | None:
    said = row.value("prompt")
    if said is None:
        return None
    if messages := messages_in(said):
        return messages
    if not isinstance(said, str):
        raise row.wrong("prompt", said, 'text, or a list such as [{"role": "user", "content": "..."}]')
    return [{"role": "user", "content": said}]


def count_of(row: Row, field: str) -> int | None:
    """A whole number from 0; CSV has it as text, and some Parquet writers as a float."""
    said = row.value(field)
    if said is None or said == "" or said != said:
        return None
    try:
        count = int(said) if not isinstance(said, bool) else -1
    except (TypeError, ValueError, OverflowError):
        count = -1
    if not 0 <= count <= _MAX_COUNT or (isinstance(said, float) and said != count):
        raise row.wrong(field, said, f"a whole number from 0 to {_MAX_COUNT}")
    return count

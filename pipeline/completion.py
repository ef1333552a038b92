"""What a model's tokens say: the answer apart from its thinking, cut at a stop string, with honest token counts."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.chat import Chat
from pipeline.thinking import split_thinking, thinking_spans

_OPENING = "<think>"
_UNFINISHED = "\ufffd"
"""What a decoder shows for a character whose tokens are not all there yet."""


@dataclass(frozen=True)
class Completion:
    """One sample, read."""

    text: str
    """The answer; empty where thinking never ended."""
    reasoning: str | None
    finish_reason: str
    """`stop`: an end token or a stop string; `length`: the tokens ran out."""
    n_tokens: int
    """All tokens that were generated: thinking, end token and the tokens of a stop string included."""
    n_reasoning_tokens: int
    """Tokens inside the thinking, tags left out."""


def read_completion(chat: Chat, ids: Sequence[int], *, stop: Sequence[str], opens_thinking: bool) -> Completion:
    """Read the tokens of one sample, which ends where it was stopped.

    `opens_thinking` says that the prompt itself began the thinking.
    """
    text = chat.text(ids)
    cut = min((at for at in map(text.find, stop) if at >= 0), default=None)
    ended = cut is not None or (bool(ids) and ids[-1] in chat.end_ids)
    said = text[:cut]
    begun = _OPENING if opens_thinking and not said.lstrip().startswith(_OPENING) else ""
    reasoning, answer = split_thinking(begun + said)
    return Completion(
        text=answer,
        reasoning=reasoning,
        finish_reason="stop" if ended else "length",
        n_tokens=len(ids),
        n_reasoning_tokens=sum(
            _tokens_before(chat, ids, end - len(begun)) - _tokens_before(chat, ids, start - len(begun))
            for start, end in thinking_spans(begun + said)
        ),
    )


def _tokens_before(chat: Chat, ids: Sequence[int], position: int) -> int:
    """How many tokens it takes to write the first `position` characters."""

    def n_written(n_tokens: int) -> int:
        return len(chat.text(ids[:n_tokens]).rstrip(_UNFINISHED))

    return bisect_left(range(len(ids) + 1), position, key=n_written)

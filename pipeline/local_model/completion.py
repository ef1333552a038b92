"""What a model's tokens say: the answer apart from its thinking, cut at a stop string, with honest token counts."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from pipeline.local_model.chat import Chat
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
    spans = [(start - len(begun), end - len(begun)) for start, end in thinking_spans(begun + said)]
    return Completion(
        text=answer,
        reasoning=reasoning,
        finish_reason="stop" if ended else "length",
        n_tokens=len(ids),
        n_reasoning_tokens=_n_tokens_within(spans, chat, ids, text) if spans else 0,
    )


def _n_tokens_within(spans: Sequence[tuple[int, int]], chat: Chat, ids: Sequence[int], text: str) -> int:
    """Tokens between the characters of each span: as many as it takes to write its end, less those for its start."""

    def n_decoded(n_tokens: int) -> int:
        return len(chat.text(ids[:n_tokens]).rstrip(_UNFINISHED))

    alone = list(accumulate(map(chat.width, ids), initial=0))
    # Where no character is split over tokens and no token reads differently beside another, adding up is enough.
    is_sum = text.isascii() and alone[-1] == len(text)
    n_written: Callable[[int], int] = alone.__getitem__ if is_sum else n_decoded
    counts = range(len(ids) + 1)
    return sum(
        bisect_left(counts, end, key=n_written) - bisect_left(counts, start, key=n_written) for start, end in spans
    )

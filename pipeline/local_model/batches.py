"""Batches for a model in this process: all samples of a prompt together, with prompts of about its length."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.generators import CONTEXT_OVERFLOW, Reply, Request, failed_reply, samples_by_prompt
from pipeline.local_model.chat import Chat, ChatPrompt
from pipeline.local_model.chat_template import TemplateRefusedError

TEMPLATE_REFUSED = "template_refused"
"""The model's chat template does not take these messages."""

SPREAD_TOKENS = 64
"""Prompts of one batch differ in length by no more: what is beyond the shortest is read token by token."""


@dataclass(frozen=True)
class Limits:
    """How much fits."""

    n_samples: int
    """Most samples in a batch."""
    max_tokens: int
    """Longest answer."""
    n_context: int | None
    """Most tokens of prompt and answer together; None: unknown."""


@dataclass(frozen=True)
class Batch:
    """Prompts that are sampled together, each for equally many requests, with answers up to the same length."""

    max_tokens: int
    prompts: list[ChatPrompt] = field(default_factory=list)
    requests: list[list[Request]] = field(default_factory=list)

    @property
    def n_each(self) -> int:
        """Samples of each prompt."""
        return len(self.requests[0])


def make_batches(
    requests: Sequence[Request], chat: Chat, options: Mapping[str, Any], limits: Limits
) -> tuple[list[Reply], list[Batch]]:
    """Failures of requests that cannot be asked, and batches of the others, long prompts first.

    A prompt that leaves no room for an answer is a CONTEXT_OVERFLOW; one that leaves too little gets a batch with
    shorter answers.
    """
    failures: list[Reply] = []
    alike: dict[tuple[int, int], list[tuple[ChatPrompt, list[Request]]]] = defaultdict(list)
    for group in samples_by_prompt(requests):
        try:
            prompt = chat.prompt(group[0].messages, options)
        except TemplateRefusedError as error:
            said = f"the model's chat template: {error}"
            failures += [failed_reply(request, TEMPLATE_REFUSED, said) for request in group]
            continue
        room = limits.max_tokens if limits.n_context is None else limits.n_context - len(prompt.tokens)
        if room < 1:
            failures += [_overflow(request, prompt, limits) for request in group]
            continue
        for i in range(0, len(group), limits.n_samples):
            part = group[i : i + limits.n_samples]
            alike[len(part), min(room, limits.max_tokens)].append((prompt, part))
    batches = [batch for (n, max_tokens), parts in alike.items() for batch in _packed(parts, n, max_tokens, limits)]
    return failures, sorted(batches, key=lambda batch: len(batch.prompts[0].tokens), reverse=True)


def _packed(
    parts: list[tuple[ChatPrompt, list[Request]]], n_each: int, max_tokens: int, limits: Limits
) -> Iterator[Batch]:
    """Batches of prompts with `n_each` samples, the longest prompts first."""
    batch = Batch(max_tokens)
    for prompt, requests in sorted(parts, key=lambda part: len(part[0].tokens), reverse=True):
        is_full = (len(batch.prompts) + 1) * n_each > limits.n_samples
        if batch.prompts and (is_full or len(batch.prompts[0].tokens) - len(prompt.tokens) > SPREAD_TOKENS):
            yield batch
            batch = Batch(max_tokens)
        batch.prompts.append(prompt)
        batch.requests.append(requests)
    yield batch


def _overflow(request: Request, prompt: ChatPrompt, limits: Limits) -> Reply:
    n_tokens = len(prompt.tokens)
    error = f"the prompt has {n_tokens} tokens, and the model's context of {limits.n_context} leaves none for an answer"
    return replace(failed_reply(request, CONTEXT_OVERFLOW, error), n_prompt_tokens=n_tokens)

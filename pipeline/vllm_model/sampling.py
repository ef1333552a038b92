"""Ask a running engine: samples of a prompt in one request of vLLM's, read as those of a server are."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pipeline.generators import CONTEXT_OVERFLOW, Reply, Request, failed_reply
from pipeline.hostile import one_line
from pipeline.served_model.completion import ChatCompletion, replies
from pipeline.served_model.refusals import BAD_REQUEST, LONGER_CONTEXT
from pipeline.served_model.structured import SCHEMA_VIOLATED, held_to_schema, schema_key, tell_unfit
from pipeline.vllm_model.last_error import explained
from pipeline.vllm_model.running import Running

_OPENS_THINKING = re.compile(r"<think(?:ing)?>\s*\Z", re.IGNORECASE)
_TAIL_TOKENS = 8
"""Tokens at the end of a prompt that hold a tag which opens the thinking."""


@dataclass(frozen=True)
class Prompt:
    """Messages as the model reads them."""

    engine_input: Any
    """What vLLM's renderer made of them."""
    n_tokens: int
    opens_thinking: bool
    """The template itself begins the thinking, so that the answer will have a closing tag only."""


@dataclass
class Sampler:
    """How samples are drawn from an engine. Its methods run in the engine's own loop."""

    running: Running
    name: str
    """What rollouts call the model."""
    sampling: Mapping[str, Any]
    """Fields of vLLM's SamplingParams."""
    template_values: Mapping[str, Any] = field(default_factory=dict)
    follows_schema: bool = True
    unfit: set[str] = field(default_factory=set)
    """Keys of the schemas that vLLM cannot follow."""

    async def replies(self, part: Sequence[Request]) -> list[Reply]:
        """A reply to each of these samples of one prompt; BackendError where the engine is gone."""
        from vllm.exceptions import VLLMClientError
        from vllm.v1.engine.exceptions import EngineDeadError

        try:
            prompt = self._prompt(part[0].messages)
            n_context = self.running.llm.model_config.max_model_len
            if prompt.n_tokens >= n_context:
                return [_overflow(request, prompt.n_tokens, n_context) for request in part]
            return await self._held_to_schema(prompt, part)
        except EngineDeadError:
            raise explained(self.running.log, "vLLM's engine died") from None
        except VLLMClientError as error:
            return [failed_reply(request, BAD_REQUEST, one_line(str(error), 300)) for request in part]

    def _prompt(self, messages: Sequence[Mapping[str, str]]) -> Prompt:
        """The messages in the words of the model's own template; VLLMClientError where it refuses them."""
        from vllm.renderers import ChatParams

        renderer = self.running.llm.renderer
        params = ChatParams(chat_template_kwargs={"add_generation_prompt": True, **self.template_values})
        # Without a limit here: how long an over-long prompt is belongs into its row.
        tokens = replace(renderer.default_chat_tok_params, max_total_tokens=None)
        # At once: its asynchronous twin goes through threads, which costs 7 % of what a small model makes.
        _, (engine_input,) = renderer.render_chat([list(messages)], params, tokens)
        ids = engine_input["prompt_token_ids"]
        tail = renderer.get_tokenizer().decode(ids[-_TAIL_TOKENS:])
        return Prompt(engine_input, len(ids), bool(_OPENS_THINKING.search(tail)))

    async def _held_to_schema(self, prompt: Prompt, part: Sequence[Request]) -> list[Reply]:
        """Samples, and another one for each that violates the schema."""
        key = schema_key(part[0].response_schema) if self.follows_schema else ""
        found = await self._sampled(prompt, part, key)
        wrong = [request for request, reply in zip(part, found, strict=True) if reply.error_kind == SCHEMA_VIOLATED]
        if not wrong:
            return found
        again = {
            reply.rollout_id: replace(reply, failed_attempts=(SCHEMA_VIOLATED, *reply.failed_attempts))
            for reply in await self._sampled(prompt, wrong, key)
        }
        return [again.get(reply.rollout_id, reply) for reply in found]

    async def _sampled(self, prompt: Prompt, part: Sequence[Request], key: str) -> list[Reply]:
        """One request of the engine's; answers that violate the schema with this key are failures."""
        from vllm.exceptions import VLLMClientError

        is_sent = bool(key) and key not in self.unfit
        try:
            output = await self._output(prompt, len(part), key if is_sent else "")
        except VLLMClientError as error:
            if not is_sent:
                raise
            output = await self._output(prompt, len(part), "")
            if key not in self.unfit:
                tell_unfit("vllm_engine", str(error))
            self.unfit.add(key)
        return [_counted(held_to_schema(reply, key)) for reply in self._read(prompt, part, output)]

    async def _output(self, prompt: Prompt, n: int, key: str) -> Any:
        """What vLLM samples, held to the schema with this key; VLLMClientError where it cannot do what is asked."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        params = SamplingParams(
            **self.sampling,
            n=n,
            structured_outputs=StructuredOutputsParams(json=key) if key else None,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        (output,) = [out async for out in self.running.llm.generate(prompt.engine_input, params, uuid.uuid4().hex)]
        return output

    def _read(self, prompt: Prompt, part: Sequence[Request], output: Any) -> list[Reply]:
        choices = [
            {"message": self._message(prompt, said), "finish_reason": said.finish_reason, "token_ids": said.token_ids}
            for said in output.outputs
        ]
        usage = {
            "prompt_tokens": prompt.n_tokens,
            "prompt_tokens_details": {"cached_tokens": output.num_cached_tokens},
        }
        found = replies(ChatCompletion(self.name, choices, usage), part, self.name)
        return [
            replace(
                reply,
                n_reasoning_tokens=_n_within(said.token_ids, self._thinking_ids, prompt.opens_thinking),
                mean_logprob=_mean_logprob(said),
            )
            for reply, said in zip(found, output.outputs, strict=True)
        ]

    @cached_property
    def _thinking_ids(self) -> tuple[int | None, int | None]:
        """The tokens that open and close thinking; None where the model writes them in several."""
        vocabulary = self.running.llm.renderer.get_tokenizer().get_vocab()
        return vocabulary.get("<think>"), vocabulary.get("</think>")

    def _message(self, prompt: Prompt, said: Any) -> dict[str, str | None]:
        """The text of a sample, its reasoning apart where vLLM has a parser for it."""
        if not self.running.reasoning_parser:
            return {"content": f"<think>{said.text}" if prompt.opens_thinking else said.text}
        from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
        from vllm.reasoning import ReasoningParserManager

        parser = ReasoningParserManager.get_reasoning_parser(self.running.reasoning_parser)(
            self.running.llm.renderer.get_tokenizer(), chat_template_kwargs=dict(self.template_values)
        )
        reasoning, content = parser.extract_reasoning(said.text, ChatCompletionRequest(model=self.name, messages=[]))
        return {"content": content, "reasoning": reasoning}


def _counted(reply: Reply) -> Reply:
    """A failure counts as an attempt that failed."""
    return replace(reply, failed_attempts=(reply.error_kind,)) if reply.error_kind else reply


def _overflow(request: Request, n_tokens: int, n_context: int) -> Reply:
    error = (
        f"the prompt has {n_tokens} tokens, and a context of {n_context} leaves none for an answer; {LONGER_CONTEXT}"
    )
    return replace(failed_reply(request, CONTEXT_OVERFLOW, error), n_prompt_tokens=n_tokens)


def _n_within(ids: Sequence[int], tags: tuple[int | None, int | None], is_inside: bool) -> int | None:
    """Tokens of thinking, tags left out; None where they cannot be told apart. `is_inside`: it begins with thinking.

    >>> _n_within([1, 7, 8, 2, 9], (1, 2), False), _n_within([7, 2, 9], (1, 2), True), _n_within([7], (None, 2), False)
    (2, 1, None)
    >>> _n_within([7, 2, 9], (1, 2), False), _n_within([1, 7, 8], (1, 2), False)  # a tag alone
    (1, 2)
    """
    opens, closes = tags
    if opens is None or closes is None:
        return None
    n_tokens = n_before = 0
    for id in ids:
        if id == closes and not is_inside:
            n_tokens = n_before
        if id in tags:
            is_inside = id == opens
        else:
            n_before += 1
            n_tokens += is_inside
    return n_tokens


def _mean_logprob(said: Any) -> float | None:
    is_known = said.cumulative_logprob is not None and len(said.token_ids)
    return said.cumulative_logprob / len(said.token_ids) if is_known else None

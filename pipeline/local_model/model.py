"""A language model loaded into this process by CTranslate2: samples for batches of prompts, on CPU or GPU.

Of the library's habits this takes care: it sorts the samples of a prompt by probability, its workers draw the same
numbers where a seed is set, it has no way to give up on a batch but a callback, and a model that is still loaded when
Python ends aborts the process.
"""

import atexit
import logging
import os
import random
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.generators import Request
from pipeline.local_model.batches import Batch
from pipeline.local_model.chat import Chat, ChatPrompt
from pipeline.local_model.folder import INSTALL, WEIGHTS, ModelFolder
from schemas.errors import RecipeError
from schemas.messages import first_line

if TYPE_CHECKING:
    from ctranslate2 import GenerationResult, GenerationStepResult, Generator  # type: ignore[import-untyped]

SMALL_BYTES = 256 * 2**20
"""Weights up to this size get a worker a core; larger ones are read by one worker with all threads."""

BRIEF_WORK = 2**36
"""Samples times tokens times bytes of weights in a batch that is over in about a second, so that it is not worth asking
at every token whether to go on, which costs a small model a tenth of its speed."""


@dataclass(frozen=True)
class Hardware:
    """What a model runs on, and in which numbers."""

    device: str
    """cpu, cuda or auto."""
    compute_type: str
    threads: int
    """CPU threads; 0: one a core."""


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn."""

    temperature: float
    top_p: float
    top_k: int
    stop: Sequence[str]


@dataclass(frozen=True)
class Sample:
    """The tokens of one answer, and the mean natural log-probability that the model gave them (before temperature)."""

    request: Request
    prompt: ChatPrompt
    ids: list[int]
    mean_logprob: float


class Halt:
    """Ends samples in the middle of an answer, once it is set.

    `asked` is called for every token: a method of a built-in type, which costs a small fraction of a Python function.
    """

    def __init__(self) -> None:
        self._set: list[object] = []
        self.asked: Callable[[object], bool] = self._set.__contains__

    def set(self) -> None:
        """Stop after the token that is being drawn."""
        self._set.append(_EqualsAnything())


class _EqualsAnything:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class _StopStrings:
    """Ends a sample as soon as its text has a stop string, looking at the last few tokens."""

    def __init__(self, chat: Chat, stop: Sequence[str], halt: Halt) -> None:
        self._chat, self._stop, self._halt = chat, stop, halt
        n_tokens = 4 * max(map(len, stop))  # a character is at most four bytes, and a token at least one
        self._latest: dict[tuple[int, int], deque[int]] = defaultdict(lambda: deque(maxlen=n_tokens))

    def asked(self, step: "GenerationStepResult") -> bool:
        latest = self._latest[step.batch_id, step.hypothesis_id]
        latest.append(step.token_id)
        text = self._chat.text(latest)
        return any(stop in text for stop in self._stop) or self._halt.asked(step)


class LocalModel:
    """A loaded model; `samples` may be called from several threads."""

    def __init__(self, folder: ModelFolder, chat: Chat, hardware: Hardware) -> None:
        """Load it; raises RecipeError where the hardware or the files cannot do it."""
        device = usable_device(hardware)
        import ctranslate2

        ctranslate2.set_log_level(logging.ERROR)  # not a warning at every load that a CPU has no bfloat16
        self.chat = chat
        threads = hardware.threads or _n_cores()
        self._n_bytes = (folder.weights / WEIGHTS).stat().st_size
        self.n_workers = threads if self._n_bytes <= SMALL_BYTES and device == "cpu" else 1
        """Batches that are sampled at the same time."""
        try:
            self._generator: Generator = ctranslate2.Generator(
                str(folder.weights),
                device=device,
                compute_type=hardware.compute_type,
                inter_threads=self.n_workers,
                intra_threads=threads // self.n_workers,
            )
        except (RuntimeError, ValueError) as error:
            raise RecipeError(f"{folder.weights}: cannot be loaded: {first_line(error)}; convert it again") from None

    def unload(self) -> None:
        """Free the memory; the model is of no use afterwards."""
        del self._generator

    def samples(self, batch: Batch, sampling: Sampling, halt: Halt) -> Iterator[Sample]:
        """One sample a request, in no order of probability. Raises RuntimeError where the library fails."""
        for prompt, requests, result in zip(
            batch.prompts, batch.requests, self._results(batch, sampling, halt), strict=True
        ):
            drawn = list(zip(result.sequences_ids, result.scores, strict=True))
            random.shuffle(drawn)  # sorted by probability, sample 0 would be the likeliest answer
            for request, (ids, mean_logprob) in zip(requests, drawn, strict=True):
                yield Sample(request, prompt, ids, mean_logprob)

    def _results(self, batch: Batch, sampling: Sampling, halt: Halt) -> "list[GenerationResult]":
        # The library refuses several samples where top_k is 1, but not at temperature 0, which means the same.
        is_greedy = sampling.top_k == 1
        is_all = is_greedy or sampling.top_k >= self.chat.vocabulary_size
        is_brief = batch.n_each * len(batch.prompts) * batch.max_tokens * self._n_bytes <= BRIEF_WORK
        asked = None if is_brief else halt.asked
        if sampling.stop:
            asked = _StopStrings(self.chat, sampling.stop, halt).asked
        results: list[GenerationResult] = self._generator.generate_batch(
            [prompt.tokens for prompt in batch.prompts],
            num_hypotheses=batch.n_each,
            max_length=batch.max_tokens,
            sampling_temperature=0 if is_greedy else sampling.temperature,
            sampling_topk=0 if is_all else sampling.top_k,
            sampling_topp=sampling.top_p,
            end_token=self.chat.end_ids,
            include_prompt_in_result=False,
            return_end_token=True,
            return_scores=True,
            callback=asked,
        )
        return results


def usable_device(hardware: Hardware) -> str:
    """cpu or cuda; raises RecipeError where this machine cannot do what is asked of it."""
    try:
        import ctranslate2
    except ImportError:
        raise RecipeError(f"a model in this process needs the library ctranslate2; {INSTALL}") from None
    has_gpu = ctranslate2.get_cuda_device_count() > 0
    if hardware.device == "cuda" and not has_gpu:
        raise RecipeError('device = "cuda": there is no CUDA device on this machine; use "cpu" or "auto"')
    device = "cuda" if has_gpu and hardware.device != "cpu" else "cpu"
    possible = sorted(ctranslate2.get_supported_compute_types(device))
    if hardware.compute_type not in ("default", "auto", *possible):
        raise RecipeError(
            f'compute_type = "{hardware.compute_type}": not possible on this {device}; '
            f"wanted default, auto, {', '.join(possible)}"
        )
    return device


_loaded: dict[tuple[object, ...], LocalModel] = {}
_loading = threading.Lock()


def loaded_model(folder: ModelFolder, chat: Chat, hardware: Hardware) -> LocalModel:
    """The model, kept from one shard to the next; another one takes its place in memory."""
    key = folder, folder.stamp(), hardware
    with _loading:
        if key not in _loaded:
            _loaded.clear()
            _loaded[key] = LocalModel(folder, chat, hardware)
        return _loaded[key]


@atexit.register
def _unload() -> None:
    for model in _loaded.values():
        model.unload()


def _n_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

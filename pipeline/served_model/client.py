"""Ask a served model: samples of a prompt go out together, and replies come back as soon as they are there.

Samples go out together where the server can do that and count the tokens of each; otherwise one by one. What failed
passingly is tried again within bounds, and every failed attempt is told by the reply that it led to.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from pipeline.generators import Generate, Reply, Request, failed_reply, samples_by_prompt
from pipeline.served_model.capabilities import Capabilities, Features, capabilities
from pipeline.served_model.completion import BAD_RESPONSE, ChatCompletion, RequestFailed, replies
from pipeline.served_model.endpoint import Slot
from pipeline.served_model.endpoints import Endpoints, open_endpoints
from pipeline.served_model.prompt import Prompt
from pipeline.served_model.retries import retrying
from pipeline.served_model.settings import NO_KEY, Key, ServedSettings
from pipeline.served_model.structured import SCHEMA_VIOLATED, held_to_schema, schema_key, tell_unfit
from schemas.errors import BackendError

MAX_CHOICES = 64
"""Most samples in one request: OpenAI takes up to 128, and all of them come back when the slowest is done."""

Arrived = Callable[[list[Reply]], None]


@asynccontextmanager
async def open_servers(
    urls: Sequence[str], model: str, settings: ServedSettings, key: Key = NO_KEY
) -> AsyncIterator[Generate]:
    """Ask the servers at `urls`, which all have `model`; what is in flight when this closes is cancelled.

    `generate` raises BackendError where no server can be reached, access is refused or the model is not there.
    """
    can = capabilities(tuple(urls), model)
    async with open_endpoints(urls, key, settings, can) as endpoints:
        asker = _Asker(endpoints, settings, model, can)
        try:
            yield asker.generate
        finally:
            await _cancelled(asker.pulling)


@dataclass
class _Pull:
    """One call of `generate`: what it takes from, and where its replies go."""

    groups: Iterator[list[Request]]
    arrived: "asyncio.Queue[list[Reply] | None]" = field(default_factory=asyncio.Queue)
    is_over: bool = False
    """Whether nothing more is taken."""


@dataclass
class _Asker:
    """Requests on their way to the endpoints."""

    endpoints: Endpoints
    settings: ServedSettings
    model: str
    can: Capabilities
    pulling: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def generate(self, requests: Iterable[Request]) -> AsyncIterator[Reply]:
        pull = _Pull(samples_by_prompt(requests))
        pulling = asyncio.create_task(self._pull(pull))
        pulling.add_done_callback(lambda _: pull.arrived.put_nowait(None))
        self.pulling.add(pulling)
        try:
            while (found := await pull.arrived.get()) is not None:
                for reply in found:
                    yield reply
            _raise(pulling)
        finally:
            await _cancelled({pulling})
            self.pulling.discard(pulling)

    async def _pull(self, pull: _Pull) -> None:
        """Ask for everything; after a BackendError, what is in flight was paid for and still comes back."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self.settings.concurrency * len(self.endpoints.every)):
                tasks.create_task(self._work(pull))
        if self.endpoints.broken:
            raise self.endpoints.broken

    async def _work(self, pull: _Pull) -> None:
        """Take the samples of one prompt after the other, each when there is room to send them."""
        while not pull.is_over:
            try:
                slot = await self.endpoints.slot()
            except BackendError:
                return
            try:
                if group := next(pull.groups, None):
                    await self._ask_group(group, slot, pull.arrived.put_nowait)
                else:
                    pull.is_over = True
            finally:
                self.endpoints.give_back(slot)

    async def _ask_group(self, group: list[Request], slot: Slot, arrived: Arrived) -> None:
        """Ask for the samples of one prompt: one first, where they would go out together but for what is not known."""
        prompt = Prompt(group[0], self.settings, self.model, self._schema(group[0]), slot)
        if len(group) > 1 and self.settings.count_tokens and self.can.counts_each is None and self._is_together:
            prompt.shows_counts = True
            await self._ask(prompt, group[:1], arrived)
            group = group[1:]
        together = self._is_together and (self.can.counts_each or not self.settings.count_tokens)
        if len(group) <= (n := MAX_CHOICES if together else 1):
            await self._ask(prompt, group, arrived)
        else:
            await self._ask_in_parts(prompt, group, n, arrived)

    @property
    def _is_together(self) -> bool:
        return self.can.takes_n is not False and self.settings.temperature > 0  # vLLM refuses several equal answers

    def _schema(self, request: Request) -> str:
        return schema_key(request.response_schema) if self.settings.structured != "off" else ""

    async def _ask_in_parts(self, prompt: Prompt, group: list[Request], n: int, arrived: Arrived) -> None:
        async with asyncio.TaskGroup() as tasks:
            for start in range(0, len(group), n):
                tasks.create_task(self._ask(prompt, group[start : start + n], arrived))

    async def _ask(
        self, prompt: Prompt, part: list[Request], arrived: Arrived, failed: Sequence[str] = (), is_last: bool = False
    ) -> None:
        """Ask for samples in one request, once more for wrong answers, and one by one for those that were left out.

        `failed` holds the attempts that led here; `is_last`: wrong answers become rows. The error that ends it all is
        raised by who pulls.
        """
        attempts = list(failed)
        try:
            completion = await self._complete(prompt, len(part), attempts)
        except BackendError:
            return
        except RequestFailed as failure:
            first, *others = [failed_reply(request, failure.kind, failure.text) for request in part]
            return arrived([replace(first, failed_attempts=tuple(attempts)), *others])
        found, wrong = self._read(prompt, part, completion)
        if is_last or self.settings.max_attempts == 1:
            found, wrong = [*found, *wrong], []
        if found:
            if attempts:
                found[0] = replace(found[0], failed_attempts=(*attempts, *found[0].failed_attempts))
            arrived(found)
            attempts = []
        if wrong:
            ids = {reply.rollout_id: reply for reply in wrong}
            attempts += [kind for reply in wrong for kind in reply.failed_attempts]
            await self._ask(prompt, [r for r in part if r.rollout_id in ids], arrived, attempts, is_last=True)
        if left := part[len(completion.choices) :]:
            await self._ask_in_parts(prompt, left, 1, arrived)

    def _read(self, prompt: Prompt, part: list[Request], completion: ChatCompletion) -> tuple[list[Reply], list[Reply]]:
        """Replies, and those among them that are worth another try; each that failed counts its own failure."""
        found: list[Reply] = []
        wrong: list[Reply] = []
        for reply in replies(completion, part, self.model):
            reply = held_to_schema(reply, prompt.schema)
            if reply.error_kind:
                reply = replace(reply, failed_attempts=(reply.error_kind,))
            (wrong if reply.error_kind in (BAD_RESPONSE, SCHEMA_VIOLATED) else found).append(reply)
        return found, wrong

    async def _complete(self, prompt: Prompt, n: int, attempts: list[str]) -> ChatCompletion:
        """One completion, if need be without what the server refuses; attempts that failed are added to `attempts`."""
        counts = prompt.shows_counts or (self.settings.count_tokens and n > 1)
        features = self.can.worth_asking(n, counts, prompt.schema)
        refused: tuple[str, Features, str] | None = None
        while True:
            content, load = prompt.body(features), prompt.load(features.n)
            slot, prompt.slot = prompt.slot, None
            try:
                try:
                    completion = await self.endpoints.send(content, load, slot)
                except RequestFailed as first:
                    send = partial(self.endpoints.send, content, load)
                    completion = await retrying(first, send, self.settings.max_attempts, attempts)
            except RequestFailed as failure:
                if (name := self.can.refused(features, failure)) is None:
                    raise
                refused, features = (name, features, failure.text), features.without(name)
            else:
                if refused:
                    self._lacks(*refused)
                self.can.learn(features, completion)
                return completion

    def _lacks(self, name: str, features: Features, why: str) -> None:
        """A request succeeded without the feature that had failed with it; who asked for a schema is told."""
        if name == "schema" and features.schema not in self.can.takes_schema:
            tell_unfit(" and ".join(endpoint.connection.url for endpoint in self.endpoints.every[:3]), why)
        self.can.lacks(name, features)


def _raise(task: "asyncio.Task[None]") -> None:
    """Raise the first error of a task, and of the tasks that it waited for."""
    error = task.exception()
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if error:
        raise error


async def _cancelled(tasks: "set[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

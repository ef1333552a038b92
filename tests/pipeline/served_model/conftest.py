"""A stand-in for an OpenAI-compatible server, on loopback, that can be told to misbehave, to die and to come back."""

import asyncio
import itertools
import json
import queue
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest
from aiohttp import web

from pipeline.generators import Reply, Request
from pipeline.served_model.capabilities import capabilities
from pipeline.served_model.client import open_servers
from pipeline.served_model.settings import ServedSettings

Answer = Callable[["ModelServer", web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that starts the stand-in is marked `server`; the others beside it stay among the fast ones."""
    for item in items:
        if "model_server" in getattr(item, "fixturenames", ()):
            item.add_marker("server")


class ModelServer:
    """Answers as vLLM does, but first with `faults`, one a request; the last one for ever where it `stays_broken`."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        """The body of every request."""
        self.keys: list[str | None] = []
        """The authorization of every request."""
        self.faults: deque[Answer] = deque()
        self.stays_broken = False
        self.misbehave: Callable[[dict[str, Any]], Answer | None] = lambda _: None
        """What happens to a request that no fault is left for; None: it is answered."""
        self.drops_n = False
        self.has_token_ids = True
        self.refuses: frozenset[str] = frozenset()
        """Fields of a request that get a 400."""
        self.changes: dict[str, Any] = {}
        """What is different in each choice."""
        self.message: dict[str, Any] = {}
        """What is different in each message."""
        self.usage: dict[str, Any] | None = {}
        """What is different in the usage; None: there is none."""
        self.models: list[str] = ["m"]
        self.gauge: Callable[[], float] | None = None
        """What its /metrics say of the requests that wait; None: there are no metrics."""
        self.look_faults: deque[int] = deque()
        """Statuses that its /metrics answer with first."""
        self.n_looks = 0
        self.delay_s = 0.0
        self.most: int | None = None
        """Requests at a time, beyond which it says 429."""
        self.in_flight = self.most_in_flight = 0
        self.hung_up: queue.Queue[bool] = queue.Queue()
        """One entry for each client that went away while it waited."""
        self.counter = itertools.count()
        self.port = 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def n_asked(self) -> list[int]:
        """How many samples each request asked for."""
        return [body.get("n", 1) for body in self.asked]

    def start(self) -> None:
        """Listen; where it was there before, at the same port."""
        self._do(self._start())

    def kill(self) -> None:
        """Drop every connection, as kill -9 does, and listen no more."""
        self._do(self._kill())

    def close(self) -> None:
        self.kill()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def reply(self, status: int, payload: Any, **headers: str) -> web.Response:
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=content, headers={"Content-Type": "application/json", **named})

    def completion(self, body: dict[str, Any]) -> dict[str, Any]:
        n = 1 if self.drops_n else body.get("n", 1)
        choices = [self._choice(body, index) for index in range(n)]
        answer = {"object": "chat.completion", "model": body["model"], "choices": choices}
        if self.usage is not None:
            spent = {"prompt_tokens": 7, "completion_tokens": sum(len(c["token_ids"] or []) for c in choices)}
            answer["usage"] = spent | self.usage
        if not (self.has_token_ids and body.get("return_token_ids")):
            for choice in choices:
                choice["token_ids"] = None
        return answer

    def _choice(self, body: dict[str, Any], index: int) -> dict[str, Any]:
        """Sample k says `sample k`, in 3 + k tokens."""
        k = next(self.counter)
        choice = {"index": index, "message": {"role": "assistant", "content": f"sample {k}"} | self.message}
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [{"token": "a", "logprob": -1.0}, {"token": "b", "logprob": -3.0}]}
        return choice | {"finish_reason": "stop", "token_ids": list(range(3 + k))} | self.changes

    def _fault(self, body: dict[str, Any]) -> Answer | None:
        if not self.faults:
            return self.misbehave(body)
        return self.faults[0] if self.stays_broken and len(self.faults) == 1 else self.faults.popleft()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.asked.append(body)
        self.keys.append(request.headers.get("Authorization"))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._answer(request, body)
        finally:
            self.in_flight -= 1

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if fault := self._fault(body):
            return await fault(self, request, body)
        if self.most is not None and self.in_flight > self.most:
            return self.reply(429, {"error": {"message": "too many"}})
        if refused := self.refuses & body.keys():
            return self.reply(400, {"error": {"message": f"Unrecognized request argument: {', '.join(refused)}"}})
        await asyncio.sleep(self.delay_s)
        return self.reply(200, self.completion(body))

    async def _models(self, _: web.Request) -> web.Response:
        return self.reply(200, {"object": "list", "data": [{"id": name} for name in self.models]})

    async def _metrics(self, _: web.Request) -> web.Response:
        self.n_looks += 1
        if self.look_faults:
            return web.Response(status=self.look_faults.popleft())
        if self.gauge is None:
            return web.Response(status=404)
        lines = ["# TYPE vllm:num_requests_waiting gauge", 'vllm:num_requests_running{engine="0"} 3.0']
        lines += [f'vllm:num_requests_waiting{{engine="{k}",model_name="m"}} {self.gauge() / 2}' for k in range(2)]
        lines += ['vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 1000.0']
        return web.Response(text="\n".join(lines))

    async def _start(self) -> None:
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/metrics", self._metrics)
        self.runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.01)
        await self.runner.setup()
        server, loop = self.runner.server, asyncio.get_running_loop()
        assert server
        self.listening = await loop.create_server(server, "127.0.0.1", self.port, backlog=4096, reuse_address=True)
        self.port = self.listening.sockets[0].getsockname()[1]

    async def _kill(self) -> None:
        for listening in self.listening.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        await asyncio.sleep(0.05)  # Python 3.11 forgets connections that are being accepted when the server closes
        for connection in self.runner.server.connections if self.runner.server else []:
            if connection.transport:
                connection.transport.abort()
        self.listening.close()
        await self.runner.cleanup()

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(20)


class Faults:
    """Ways in which a server misbehaves."""

    @staticmethod
    def status(status: int, message: str = "no", **headers: str) -> Answer:
        return Faults.body({"error": {"message": message}}, status, **headers)

    @staticmethod
    def body(payload: Any, status: int = 200, **headers: str) -> Answer:
        async def answer(server: ModelServer, *_: Any) -> web.StreamResponse:
            return server.reply(status, payload, **headers)

        return answer

    @staticmethod
    async def silence(server: ModelServer, *_: Any) -> web.StreamResponse:
        """No answer until the client hangs up."""
        try:
            await asyncio.sleep(30)
        finally:
            server.hung_up.put(True)
        raise AssertionError("nobody hung up")

    @staticmethod
    async def broken_off(_: ModelServer, request: web.Request, __: dict[str, Any]) -> web.StreamResponse:
        """The connection closes in the middle of the body."""
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"choices": [')
        if request.transport:
            request.transport.close()
        return response

    @staticmethod
    async def dropped(_: ModelServer, request: web.Request, __: dict[str, Any]) -> web.StreamResponse:
        """The connection closes without an answer."""
        if request.transport:
            request.transport.abort()
        return web.Response()


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """A server of this test alone."""
    server = ModelServer()
    yield server
    server.close()


@pytest.fixture
def second_server() -> Iterator[ModelServer]:
    """Another."""
    server = ModelServer()
    yield server
    server.close()


@pytest.fixture
def faults() -> type[Faults]:
    """What to put into `model_server.faults`."""
    return Faults


@pytest.fixture(autouse=True)
def nothing_is_known() -> None:
    """A port may come back as another server."""
    capabilities.cache_clear()


@pytest.fixture
def prompts() -> Callable[..., list[Request]]:
    """Requests for `n` samples of each problem."""

    def requests(*problems: Any, n: int = 1, schema: dict[str, Any] | None = None) -> list[Request]:
        return [
            Request(f"{p}-{i}", "s", str(p), i, [{"role": "user", "content": str(problem)}], schema)
            for p, problem in enumerate(problems)
            for i in range(n)
        ]

    return requests


@pytest.fixture
def answer() -> Callable[..., list[Reply]]:
    """Ask servers, or one, and wait for every reply: in the order of their ids."""

    def ask(servers: Any, requests: Sequence[Request], **settings: Any) -> list[Reply]:
        urls = [server.url for server in (servers if isinstance(servers, list) else [servers])]

        async def collect() -> list[Reply]:
            async with open_servers(urls, "m", ServedSettings(**{"max_attempts": 2, **settings})) as generate:
                return [reply async for reply in generate(requests)]

        return sorted(asyncio.run(collect()), key=lambda reply: reply.rollout_id)

    return ask

"""A stand-in for an OpenAI-compatible server, on loopback, that can be told to misbehave."""

import itertools
import json
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Answer = Callable[["Handler", dict[str, Any]], None]


class ModelServer(ThreadingHTTPServer):
    """Answers as vLLM does, but first with `faults`, one a request; the last one for ever where it `stays_broken`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.asked: list[dict[str, Any]] = []
        """The body of every request."""
        self.keys: list[str | None] = []
        """The authorization of every request."""
        self.faults: deque[Answer] = deque()
        self.stays_broken = False
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
        self.hung_up: queue.Queue[bool] = queue.Queue()
        """One entry for each client that went away while it waited."""
        self.counter = itertools.count()
        self.lock = threading.Lock()

    def fault(self) -> Answer | None:
        with self.lock:
            if not self.faults:
                return None
            return self.faults[0] if self.stays_broken and len(self.faults) == 1 else self.faults.popleft()

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
        with self.lock:
            k = next(self.counter)
        choice = {"index": index, "message": {"role": "assistant", "content": f"sample {k}"} | self.message}
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [{"token": "a", "logprob": -1.0}, {"token": "b", "logprob": -3.0}]}
        return choice | {"finish_reason": "stop", "token_ids": list(range(3 + k))} | self.changes


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append(body)
            self.server.keys.append(self.headers["Authorization"])
        if self.path != "/v1/chat/completions":
            self.reply(404, {"detail": "Not Found"})
        elif fault := self.server.fault():
            fault(self, body)
        elif refused := self.server.refuses & body.keys():
            self.reply(400, {"error": {"message": f"Unrecognized request argument: {', '.join(refused)}"}})
        else:
            self.reply(200, self.server.completion(body))

    def reply(self, status: int, payload: Any, **headers: str) -> None:
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


class Faults:
    """Ways in which a server misbehaves."""

    @staticmethod
    def status(status: int, message: str = "no", **headers: str) -> Answer:
        return lambda handler, _: handler.reply(status, {"error": {"message": message}}, **headers)

    @staticmethod
    def body(payload: Any, **headers: str) -> Answer:
        return lambda handler, _: handler.reply(200, payload, **headers)

    @staticmethod
    def silence(handler: Handler, _: dict[str, Any]) -> None:
        """No answer until the client hangs up."""
        handler.connection.settimeout(30)
        if handler.connection.recv(1) == b"":
            handler.server.hung_up.put(True)
        handler.close_connection = True

    @staticmethod
    def broken_off(handler: Handler, _: dict[str, Any]) -> None:
        """The connection closes in the middle of the body."""
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"choices": [')
        handler.close_connection = True


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """A server of this test alone."""
    with ModelServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def faults() -> type[Faults]:
    """What to put into `model_server.faults`."""
    return Faults

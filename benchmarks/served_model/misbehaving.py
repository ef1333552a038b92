"""A server whose answers go wrong as often as one asks for, and that writes down what it did before it does it.

`python -m benchmarks.served_model.misbehaving PORT LOG SEED` serves on a port (0: a free one, which the log names).
A line of the log is `NUMBER FATE` when a request has come, and later `NUMBER end` when its fate is done, or `NUMBER
left` when the client closed the connection first. It is written at once, so that a killed server leaves all it knew.
"""

import asyncio
import os
import random
import sys
from pathlib import Path

from benchmarks.served_model.server import ONE, framed_requests

FATES = {"429": 0.20, "500": 0.10, "silent": 0.05, "cut_json": 0.025, "cut_body": 0.025, "dropped": 0.02}
"""Share of requests; the others are answered. `cut_json` is a whole body that stops inside its JSON, `cut_body` a
connection that closes inside the body, `dropped` one that closes without a byte, `silent` one that stays open."""

ANSWER_AFTER_S = 0.01
RETRY_AFTER = {"": 0.5, "Retry-After: 0\r\n": 0.48, "Retry-After: 1\r\n": 0.02}
"""Headers of a 429 and how often each is sent; one second stops everything for one second, so it is rare."""


class Fates:
    """What becomes of each request, drawn from a seed, and the log of it."""

    def __init__(self, log: Path, seed: int) -> None:
        self._draw = random.Random(seed)
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._n = 0

    def next(self) -> tuple[int, str]:
        """Number and fate of the request that has come."""
        self._n += 1
        names, shares = [*FATES, "answered"], [*FATES.values(), 1 - sum(FATES.values())]
        (fate,) = self._draw.choices(names, shares)
        self.say(f"{self._n} {fate}")
        return self._n, fate

    def refusal(self) -> bytes:
        """A 429."""
        (header,) = self._draw.choices(list(RETRY_AFTER), list(RETRY_AFTER.values()))
        return _error("429 Too Many Requests", header)

    def say(self, text: str) -> None:
        os.write(self._log, f"{text}\n".encode())


def _error(status: str, header: str = "") -> bytes:
    body = '{"error": {"message": "out of order"}}'
    return f"HTTP/1.1 {status}\r\n{header}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def _cut_json() -> bytes:
    head, _, body = ONE.partition(b"\r\n\r\n")
    short = body[: len(body) // 2]
    return head.replace(b"Content-Length: %d" % len(body), b"Content-Length: %d" % len(short)) + b"\r\n\r\n" + short


class _Talk(asyncio.Protocol):
    """One connection; its client sends a request only after the answer to the last."""

    def __init__(self, fates: Fates) -> None:
        self.fates = fates
        self.came = b""
        self.request: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        requests, self.came = framed_requests(self.came + data)
        for _ in requests:
            self._take()

    def connection_lost(self, _: Exception | None) -> None:
        self._end("left")

    def _take(self) -> None:
        self.request, fate = self.fates.next()
        if fate == "answered":
            asyncio.get_running_loop().call_later(ANSWER_AFTER_S, self._say, ONE)
        elif fate == "429":
            self._say(self.fates.refusal())
        elif fate == "500":
            self._say(_error("500 Internal Server Error"))
        elif fate == "cut_json":
            self._say(_cut_json())
        elif fate == "cut_body":
            self._say(ONE[: len(ONE) // 2])
            self.transport.close()
        elif fate == "dropped":
            self._end("end")
            self.transport.close()

    def _say(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)
            self._end("end")

    def _end(self, how: str) -> None:
        if self.request is not None:
            self.fates.say(f"{self.request} {how}")
            self.request = None


async def _serve(port: int, log: Path, seed: int) -> None:
    fates = Fates(log, seed)
    server = await asyncio.get_running_loop().create_server(lambda: _Talk(fates), "127.0.0.1", port, backlog=4096)
    fates.say(f"port {server.sockets[0].getsockname()[1]}")
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))

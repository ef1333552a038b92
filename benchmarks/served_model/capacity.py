"""Requests a second that the server can answer, however it is asked: `python -m benchmarks.served_model.capacity`.

Processes that send ready-made bytes over kept connections and throw the answers away; each connection waits for its
answer before it asks again.
"""

import asyncio
import multiprocessing
import sys
import time
from urllib.parse import urlsplit

from benchmarks.served_model import server

CONNECTIONS = 64
SECONDS = 4.0
_BODY = b'{"model": "instant", "messages": [{"role": "user", "content": "' + b"x" * 300 + b'"}], "temperature": 1.0}'
_REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_BODY)
) + _BODY


class _Asking(asyncio.Protocol):
    def __init__(self, n_bytes: int) -> None:
        self.n_bytes, self.n_came, self.n_answers = n_bytes, 0, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(_REQUEST)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.n_came += len(data)
        if self.n_came >= self.n_bytes:
            self.n_came -= self.n_bytes
            self.n_answers += 1
            self.transport.write(_REQUEST)  # type: ignore[attr-defined]


async def _ask(port: int) -> float:
    loop = asyncio.get_running_loop()
    n_bytes = len(server.ONE)
    began = time.perf_counter()
    asking = [await loop.create_connection(lambda: _Asking(n_bytes), "127.0.0.1", port) for _ in range(CONNECTIONS)]
    await asyncio.sleep(SECONDS)
    return sum(protocol.n_answers for _, protocol in asking) / (time.perf_counter() - began)


def _rate(port: int) -> float:
    return asyncio.run(_ask(port))


def capacity(url: str, n_processes: int = 2) -> float:
    """Requests per second that the server at `url` answers to several processes together."""
    port = urlsplit(url).port or 0
    with multiprocessing.get_context("spawn").Pool(n_processes) as pool:
        return sum(pool.map(_rate, [port] * n_processes, chunksize=1))


if __name__ == "__main__":
    with server.running() as url:
        for n in map(int, sys.argv[1:] or ("1", "2", "3")):
            print(f"{n} processes: {capacity(url, n):,.0f} requests/s")

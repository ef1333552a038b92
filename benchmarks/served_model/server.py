"""A server that answers chat completions at once with 500 tokens, so that only the client's work is measured.

`python -m benchmarks.served_model.server PORT_FILE` serves on a free loopback port, which it writes to PORT_FILE.
The answer to a request for one sample is ready-made bytes; `n` and `return_token_ids` are honoured.
"""

import asyncio
import functools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.served_model.task import MODEL, N_TOKENS

_SENTENCE = "Move the red block onto the table, then the blue one onto it, and check what is clear before going on. "
TEXT = (_SENTENCE * 40)[:2000]

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_WANTS_MORE = re.compile(rb'"n": ?(?!1[,}])\d|"return_token_ids": ?true')


@functools.lru_cache
def _answer(n: int, with_ids: bool) -> bytes:
    choice: dict[str, object] = {
        "message": {"role": "assistant", "content": TEXT},
        "finish_reason": "stop",
        "logprobs": None,
    }
    if with_ids:
        choice["token_ids"] = list(range(1000, 1000 + N_TOKENS))
    usage = {"prompt_tokens": 60, "completion_tokens": N_TOKENS * n, "total_tokens": 60 + N_TOKENS * n}
    return _framed(
        {
            "id": "chatcmpl-0123456789abcdef",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": MODEL,
            "choices": [choice | {"index": index} for index in range(n)],
            "usage": usage,
        }
    )


def _framed(body: object) -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


ONE = _answer(1, False)
_MODELS = _framed({"object": "list", "data": [{"id": MODEL, "object": "model"}]})


def framed_requests(came: bytes) -> tuple[list[tuple[bytes, int]], bytes]:
    """Whole requests, each with where its body starts, and what came of the next one."""
    requests = []
    while (end := came.find(b"\r\n\r\n")) >= 0:
        length = _LENGTH.search(came, 0, end)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(came) < whole:
            break
        requests.append((came[:whole], end + 4))
        came = came[whole:]
    return requests, came


class _Talk(asyncio.Protocol):
    """One connection, kept alive."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.came = b""

    def data_received(self, data: bytes) -> None:
        requests, self.came = framed_requests(self.came + data)
        for request, start_of_body in requests:
            self.transport.write(_reply(request, start_of_body))


def _reply(request: bytes, start_of_body: int) -> bytes:
    if request.startswith(b"GET"):
        return _MODELS
    if not _WANTS_MORE.search(request, start_of_body):
        return ONE
    asked = json.loads(request[start_of_body:])
    return _answer(asked.get("n") or 1, bool(asked.get("return_token_ids")))


async def _serve(port_file: Path) -> None:
    server = await asyncio.get_running_loop().create_server(_Talk, "127.0.0.1", 0, backlog=4096)
    temporary = port_file.with_suffix(".tmp")
    temporary.write_text(str(server.sockets[0].getsockname()[1]))
    os.replace(temporary, port_file)
    await server.serve_forever()


@contextmanager
def running() -> Iterator[str]:
    """The server in a process of its own; its URL, which ends in /v1."""
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder, "port")
        process = subprocess.Popen([sys.executable, "-m", "benchmarks.served_model.server", str(port_file)])
        try:
            while not port_file.exists():
                if process.poll() is not None:
                    raise SystemExit("the server did not start")
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port_file.read_text()}/v1"
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))

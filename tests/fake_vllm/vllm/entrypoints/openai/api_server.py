"""A stand-in for vLLM's server, which starts at once and can be told to fail: `--fake out-of-memory`.

It says which process it is on /pid, and what it was started with on /about.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OUT_OF_MEMORY = """\
(EngineCore pid=8) ERROR 11-21 12:12:03 [core.py:1510] Traceback (most recent call last):
(EngineCore pid=8) ERROR 11-21 12:12:03 [core.py:1510] torch.OutOfMemoryError: CUDA out of memory. Tried to use 9 GiB
(APIServer pid=7) Traceback (most recent call last):
(APIServer pid=7) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        about = {"arguments": sys.argv[1:], "environment": dict(os.environ)}
        answers: dict[str, Any] = {"/health": "", "/pid": os.getpid(), "/about": about}
        models = {"data": [{"id": parsed.served_model_name}]}
        self.answer((answers | {"/v1/models": models}).get(self.path))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        choice = {"message": {"content": f"I am {os.getpid()}"}, "finish_reason": "stop", "token_ids": [1, 2]}
        choices = [{"index": index, **choice} for index in range(body.get("n", 1))]
        usage = {"prompt_tokens": 3, "completion_tokens": 2 * len(choices)}
        self.answer({"model": body["model"], "choices": choices, "usage": usage})

    def answer(self, what: Any) -> None:
        content = json.dumps(what).encode()
        self.send_response(404 if what is None else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


parser = argparse.ArgumentParser("api_server.py")
parser.add_argument("--port", type=int)
parser.add_argument("--fake", default="")
for name in ("--model", "--served-model-name", "--host", "--uvicorn-log-level", "--structured-outputs-config"):
    parser.add_argument(name)
for name in ("--shutdown-timeout", "--max-model-len", "--tensor-parallel-size"):
    parser.add_argument(name, type=int)
parser.add_argument("--enforce-eager", action=argparse.BooleanOptionalAction)
parsed = parser.parse_args()
if parsed.fake == "out-of-memory":
    sys.exit(OUT_OF_MEMORY)
if parsed.fake == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
if parsed.fake == "never-ready":
    sys.stderr.write("INFO: loading\n")
    time.sleep(600)
ThreadingHTTPServer(("127.0.0.1", parsed.port), Handler).serve_forever()

"""A second wall around what models wrote: the browser runs no script but the server's own, and asks no other host.

Argilla writes the texts of records into its page as HTML. They are sent as text that is no HTML; should one slip
through, this Content-Security-Policy leaves it without script, pictures and requests.
"""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval' {scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; frame-src 'none'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
"""Its own templates are compiled by `Function`, which text in a page cannot call."""


def guarded(app: App, pages: Path) -> App:
    """The app, each answer with the policy; the scripts within its own `pages` (a folder of HTML) are let through."""
    policy = POLICY.format(scripts=" ".join(sorted(set(_hashes(pages))))).encode()

    async def call(scope: Message, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", policy)]
            await send(message)

        await app(scope, receive, send_guarded)

    return call


def pages_of(app: Any) -> Path:
    """The folder of a server's web pages, as it made them at its start."""
    return next(Path(route.app.directory) for route in app.routes if getattr(route, "name", None) == "static")


def _hashes(pages: Path) -> Iterator[str]:
    for page in sorted(pages.glob("*.html")):
        for script in INLINE_SCRIPT.findall(page.read_text(encoding="utf-8")):
            digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            yield f"'sha256-{digest}'"

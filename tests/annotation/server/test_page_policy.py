"""Every answer of the annotation server has the policy, which lets its own scripts through and no other."""

import asyncio
import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from annotation.server.inside.page_policy import guarded
from tests.annotation.conftest import AnnotationServer

SCRIPT = "window.own = 1"


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": b"page"})


def answered(pages: Path) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(guarded(app, pages)({"type": "http"}, None, send))  # type: ignore[arg-type]
    return sent


def policy_of(pages: Path) -> str:
    start, _ = answered(pages)
    return dict(start["headers"])[b"content-security-policy"].decode()


def test_an_answer_keeps_its_headers_and_its_body(tmp_path: Path) -> None:
    start, body = answered(tmp_path)
    assert start["headers"][0] == (b"content-type", b"text/html")
    assert body["body"] == b"page"


def test_scripts_within_the_servers_own_pages_may_run(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(f"<script>{SCRIPT}</script><script src='x.js'></script>")
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert f"script-src 'self' 'unsafe-eval' 'sha256-{digest}';" in policy_of(tmp_path)


def test_no_other_script_and_no_other_host(tmp_path: Path) -> None:
    policy = policy_of(tmp_path)
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    for part in ("default-src 'self'", "connect-src 'self'", "img-src 'self' data:", "frame-src 'none'"):
        assert f"{part};" in policy


@pytest.mark.server
def test_the_real_page_has_its_policy(annotation_server: AnnotationServer) -> None:
    import httpx

    policy = httpx.get(annotation_server.url).headers["content-security-policy"]
    assert policy.count("sha256-") == 2

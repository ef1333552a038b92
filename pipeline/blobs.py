"""Small files that two writers may race for: create-only writes, and swaps against the version that was read.

Local folders hold `flock` on the parent folder while they compare and rename, so a killed process leaves neither a
lock nor half a file. S3 uses `If-None-Match` and `If-Match`. Other fsspec filesystems create with `mode="create"`
where they have it, and compare and write under a lock of this process: between machines, only their creation is safe.
"""

import contextlib
import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from typing import Any

from schemas.errors import StoreError

_IN_PROCESS = threading.Lock()
_LOST_RACE = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412", "409", "404"}
"""S3's answers where the condition failed, two conditional writes met, or the version to replace is gone."""


class Conflict(StoreError):
    """Somebody else wrote the file since it was read."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} was changed by another writer; run the command again")


def is_local(fs: Any) -> bool:
    """Whether the filesystem is a local folder."""
    return "file" in _protocols(fs)


def _is_s3(fs: Any) -> bool:
    return "s3" in _protocols(fs)


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def read_version(fs: Any, path: str) -> tuple[bytes | None, str | None]:
    """Content and version token of a file; (None, None) where there is none. Never answers from a cached listing."""
    try:
        if _is_s3(fs):
            # The tag is read first: if the file changes in between, the swap fails, which is the safe way round.
            # Content comes in one request: several, after asking for the length, may mix two versions.
            token = fs.info(path, refresh=True)["ETag"]
            return fs.cat_file(path, max_concurrency=1), token
        content = fs.cat_file(path)
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    return content, hashlib.sha256(content).hexdigest()


def swap(fs: Any, path: str, content: bytes, token: str | None) -> None:
    """Write `content` if the file is still at version `token` (None: does not exist), else raise Conflict."""
    if _is_s3(fs):
        _swap_s3(fs, path, content, token)
        return
    with _compared(fs, path, token):
        if token is None and not is_local(fs):
            _create(fs, path, content)
        else:
            write_whole(fs, path, content)


def _swap_s3(fs: Any, path: str, content: bytes, token: str | None) -> None:
    try:
        _call_s3(fs, "put_object", path, token, Body=content, **({"IfNoneMatch": "*"} if token is None else {}))
    except Conflict:
        # A write whose answer got lost was sent again by the client, and meets itself: then it is there.
        if read_version(fs, path)[0] != content:
            raise


def _call_s3(fs: Any, method: str, path: str, token: str | None, **arguments: Any) -> None:
    """Call S3 on an object, on condition that it is still at version `token` unless that is None."""
    bucket, key, _ = fs.split_path(path)
    condition = {} if token is None else {"IfMatch": token}
    try:
        fs.call_s3(method, Bucket=bucket, Key=key, **condition, **arguments)
    except OSError as error:
        response = getattr(error.__cause__, "response", None) or {}
        if str(response.get("Error", {}).get("Code", "")) not in _LOST_RACE:
            raise
        raise Conflict(path) from None
    finally:
        fs.invalidate_cache(path)


def _create(fs: Any, path: str, content: bytes) -> None:
    try:
        fs.pipe_file(path, content, mode="create")
    except FileExistsError:
        raise Conflict(path) from None


def write_whole(fs: Any, path: str, content: bytes) -> None:
    """Write a file so that readers see all of it or none of it."""
    if not is_local(fs):
        fs.pipe_file(path, content)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}.{threading.get_ident()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def remove(fs: Any, path: str) -> None:
    """Remove a file; no error where it is gone already."""
    with contextlib.suppress(FileNotFoundError):
        fs.rm_file(path)


def remove_version(fs: Any, path: str, token: str) -> None:
    """Remove a file if it is still at version `token`, else raise Conflict."""
    if _is_s3(fs):
        _call_s3(fs, "delete_object", path, token)
        return
    with _compared(fs, path, token):
        fs.rm_file(path)


@contextlib.contextmanager
def _compared(fs: Any, path: str, token: str | None) -> Iterator[None]:
    """Keep other writers out (of this machine, or of this process) after checking that the file is at `token`."""
    with _exclusive(fs, path):
        if read_version(fs, path)[1] != token:
            raise Conflict(path)
        yield


@contextlib.contextmanager
def _exclusive(fs: Any, path: str) -> Iterator[None]:
    if not is_local(fs):
        with _IN_PROCESS:
            yield
        return
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

"""Small files that two writers may race for: create-only writes, and swaps against the version that was read.

Local folders hold `flock` on the parent folder while they compare and rename, so a killed process leaves neither a
lock nor half a file. S3 uses `If-None-Match` and `If-Match`. Other fsspec filesystems (memory, tests) compare and
write under a lock of this process; between machines they are only as safe as the run lock.
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


class Conflict(StoreError):
    """Somebody else wrote the file since it was read."""


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
            token = fs.info(path, refresh=True)["ETag"]
            return fs.cat_file(path), token
        content = fs.cat_file(path)
    except FileNotFoundError:
        return None, None
    return content, _digest(content)


def swap(fs: Any, path: str, content: bytes, token: str | None) -> None:
    """Write `content` if the file is still at version `token` (None: does not exist), else raise Conflict."""
    if _is_s3(fs):
        _swap_s3(fs, path, content, token)
        return
    with _exclusive(fs, path):
        if read_version(fs, path)[1] != token:
            raise Conflict(f"{path} was changed by another writer; run the command again")
        write_whole(fs, path, content)


def _swap_s3(fs: Any, path: str, content: bytes, token: str | None) -> None:
    condition = {"IfNoneMatch": "*"} if token is None else {"IfMatch": token}
    bucket, key, _ = fs.split_path(path)
    try:
        fs.call_s3("put_object", Bucket=bucket, Key=key, Body=content, **condition)
    except (FileExistsError, OSError) as error:
        if not _is_precondition_failure(error):
            raise
        raise Conflict(f"{path} was changed by another writer; run the command again") from None
    finally:
        fs.invalidate_cache(path)


def _is_precondition_failure(error: BaseException) -> bool:
    """412: the condition failed; 409: two conditional writes met; 404: the version to replace is gone."""
    response = getattr(error.__cause__, "response", None) or {}
    code = str(response.get("Error", {}).get("Code", ""))
    return isinstance(error, FileExistsError) or code in {
        "PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412", "409", "404",
    }  # fmt: skip


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


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

"""Who may sign in to the annotation server: the users and their secrets, in a file that only its owner can read.

The file is written before the accounts are made, and the server's accounts are made from it: a kill between the two
loses no secret. An entry that is deleted, or a lost file, gives new secrets at the next start.
"""

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from schemas.errors import StoreError

ANNOTATION = "annotation"
ADJUDICATION = "adjudication"

PRIVATE = 0o600


@dataclass(frozen=True)
class Account:
    """A user of the server; `role` is owner, admin or annotator."""

    username: str
    role: str
    password: str
    api_key: str
    workspaces: tuple[str, ...]


def wanted_users(n_annotators: int) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Name, role and workspaces of each user that there is to be; the owner first."""
    yield "owner", "owner", (ANNOTATION, ADJUDICATION)
    for number in range(1, n_annotators + 1):
        yield f"annotator-{number}", "annotator", (ANNOTATION,)
    yield "adjudicator", "annotator", (ADJUDICATION,)


def ensure_accounts(path: Path, url: str, n_annotators: int) -> list[Account]:
    """Write the file of accounts, with new secrets for those that it does not have; returns all of them.

    Users that it has beyond the wanted ones stay. StoreError where it is not such a file.
    """
    found = read_accounts(path) if path.exists() else []
    known = {account.username for account in found}
    for name, role, workspaces in wanted_users(n_annotators):
        if name not in known:
            found.append(Account(name, role, secrets.token_urlsafe(12), secrets.token_urlsafe(32), workspaces))
    found.sort(key=lambda account: account.role != "owner")
    text = json.dumps({"url": url, "users": [asdict(account) for account in found]}, indent=2)
    write_private(path, text + "\n")
    return found


def read_accounts(path: Path) -> list[Account]:
    """The accounts of a file; StoreError where it is not such a file."""
    try:
        users = json.loads(path.read_text(encoding="utf-8"))["users"]
        return [Account(**user | {"workspaces": tuple(user["workspaces"])}) for user in users]
    except (OSError, ValueError, KeyError, TypeError) as error:
        got = f"{type(error).__name__}: {error}"
        raise StoreError(
            f"{path}: not a file of accounts ({got}); wanted JSON with users, each with username, role, password, "
            "api_key and workspaces; mend it, or move it away for new secrets"
        ) from None


def write_private(path: Path, text: str) -> None:
    """Put a file that only its owner can read in its place, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)

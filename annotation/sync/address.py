"""Where the annotation server is and with which key: from the environment, else from a local server's accounts."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import RecipeError

URL, KEY = "ARGILLA_API_URL", "ARGILLA_API_KEY"


@dataclass(frozen=True)
class Address:
    """A server and the key to it, which is shown nowhere."""

    url: str
    api_key: str = field(repr=False)


def address(accounts: str) -> Address:
    """The server that the environment names; what it leaves open is read from `accounts`, a local server's file.

    RecipeError where there is neither, or where the file is of another server.
    """
    url, key = os.environ.get(URL, "").rstrip("/"), os.environ.get(KEY, "")
    if url and key:
        return Address(url, key)
    local = _local(accounts)
    if local is None:
        missing = " and ".join(name for name, value in ((URL, url), (KEY, key)) if not value)
        raise RecipeError(
            f"annotation server: no {missing} in the environment, and no {accounts} here: start a server with "
            "`coldstart annotate serve`, go to the folder where you did, or set the address and the key of yours"
        )
    if url and url != local.url:
        raise RecipeError(
            f"annotation server: {URL} is {url} without {KEY}, and the accounts in {accounts} are of {local.url}: "
            f"set {KEY}, or unset {URL}"
        )
    return Address(local.url, key or local.api_key)


def _local(accounts: str) -> Address | None:
    """The owner's key to the server that wrote the file; None where there is no file."""
    try:
        found = json.loads(Path(accounts).read_text(encoding="utf-8"))
        return Address(str(found["url"]).rstrip("/"), str(found["users"][0]["api_key"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise RecipeError(
            f"annotate.accounts: {accounts}: cannot be read as accounts of an annotation server ({error!r}); "
            "`coldstart annotate serve` writes it anew where it is missing"
        ) from None

"""A connection to the annotation server, whose refusals and absence are errors that people can act on."""

import json
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from pydantic import ValidationError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its models use pydantic's older configuration, which warns when it is imported
    import argilla as rg
    from argilla._exceptions import ArgillaCredentialsError, ArgillaError, ForbiddenError, UnauthorizedError

from annotation.sync.address import URL, Address
from schemas.errors import BackendError, CurationError, RecipeError
from schemas.messages import first_line, short

TIMEOUT_S = 300
"""A full batch of records takes the server up to half a minute on a small machine."""

LIMITS = httpx.Limits(max_keepalive_connections=0)
"""Each connection is closed with its answer: requests are few and large, and nobody has to close the client."""

MAX_TOLD = 500


class Refused(BackendError):
    """The server understood a request and will not carry it out: what was sent is not valid, or too large."""


class Connection:
    """A signed-in client and the address that it speaks to."""

    def __init__(self, address: Address) -> None:
        self.url = address.url
        with self.explained():
            self.client = rg.Argilla(address.url, address.api_key, timeout=TIMEOUT_S, retries=2, limits=LIMITS)

    def workspace(self, name: str) -> rg.Workspace:
        """A workspace that this account may use; RecipeError where there is none of the name."""
        with self.explained():
            found = {workspace.name: workspace for workspace in self.client.workspaces.list()}
            me = self.client.me
        if name in found:
            return found[name]
        may_use = ", ".join(sorted(found)) or "none"
        raise RecipeError(
            f"{self.url}: {me.username} (role {me.role.value}) has no workspace {name!r}; it may use: {may_use}. Use "
            "the key of an owner, create the workspace, or name another in annotate.workspace or "
            "annotate.adjudication_workspace"
        )

    def account_ids(self, names: Collection[str]) -> frozenset[str]:
        """The ids of accounts by name; RecipeError where there is none of a name."""
        if not names:
            return frozenset()
        with self.explained():
            found = {user.username: str(user.id) for user in self.client.users.list()}
        if unknown := sorted(set(names) - found.keys()):
            known = ", ".join(sorted(found))
            raise RecipeError(f"annotate.model_accounts: {self.url} has no account {unknown[0]!r}; it has {known}")
        return frozenset(found[name] for name in names)

    def request(self, method: str, path: str, **how: Any) -> Any:
        """What the server answers, from JSON; Refused where it says that what was sent cannot be taken."""
        with self.explained():
            response = self.client.http_client.request(method, path, **how)
            if response.status_code in (413, 422):
                raise Refused(f"{self.url}: {_told(response)}")
            response.raise_for_status()
            return response.json() if response.content else None

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn the errors of the client into those that say what to do."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except (ArgillaCredentialsError, UnauthorizedError):
            raise self._unknown_key() from None
        except ForbiddenError as error:
            raise self._not_allowed(_cut(str(error))) from None
        except httpx.HTTPStatusError as error:
            raise self._status(error.response) from None
        except httpx.HTTPError as error:
            raise BackendError(
                f"{self.url}: the annotation server does not answer ({type(error).__name__}: {error}); is it running? "
                "`coldstart annotate serve` starts one; the same command then goes on"
            ) from None
        except httpx.InvalidURL as error:
            raise RecipeError(
                f"{URL}: found {self.url}, which is no address ({error}); wanted one such as http://127.0.0.1:6900"
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError, ValidationError) as error:
            found = short(getattr(error, "doc", first_line(error)))
            raise BackendError(
                f"{self.url}: this is not the annotation server, or a proxy's page stands before it: found {found}, "
                f"wanted the JSON of Argilla; open the address in a browser, and set {URL} to that of the server itself"
            ) from None
        except ArgillaError as error:
            raise BackendError(f"{self.url}: the annotation server failed: {_cut(str(error))}") from None

    def _status(self, response: httpx.Response) -> CurationError:
        """The error of an answer that is a refusal or a failure."""
        if response.status_code == 401:
            return self._unknown_key()
        if response.status_code == 403:
            return self._not_allowed(_told(response))
        return BackendError(f"{self.url}: the annotation server answered {response.status_code}: {_told(response)}")

    def _unknown_key(self) -> RecipeError:
        return RecipeError(
            f"{self.url}: the key is not known there; set ARGILLA_API_KEY to that of an owner or admin, which the web "
            "page shows under its settings"
        )

    def _not_allowed(self, why: str) -> RecipeError:
        return RecipeError(
            f"{self.url}: this account may not do that ({why}); use the key of an owner, or of an admin of the "
            "workspace"
        )


def _told(response: httpx.Response) -> str:
    """What the server says of a refusal."""
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = response.text
    if isinstance(detail, dict):
        errors = detail.get("params", {}).get("errors") or []
        said = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in errors)
        detail = said or detail.get("params", {}).get("detail") or detail
    return _cut(str(detail))


def _cut(text: str) -> str:
    """A text on one line, of at most so many characters."""
    return " ".join(text.split())[:MAX_TOLD]

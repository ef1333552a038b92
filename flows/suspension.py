"""A flow run that waits for people: the form that it asks, what it was told, and who may resume it.

What a run was asked and told is kept by Prefect as inputs of the flow run, numbered: `suspended-people-1-schema` is the
first form, `suspended-people-1-response` the answer to it. They outlive restarts and retries, so that a run that starts
again takes up the latest, and asks anew under the next number.
"""

import json
from copy import copy
from typing import Any, Literal, cast
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterState
from prefect.client.schemas.filters import FlowRunFilterStateName as StateName
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.types._datetime import now
from pydantic import Field, create_model

from schemas.errors import BackendError

KEY = "people-"
SUSPENDED = "Suspended"
PAGE = 200

UNSAID_AFTER_S = 60.0
"""A suspended run without a form after this time never gets one: its process ended between the two requests."""

WAIT, GO_ON, STOP = "wait", "go on", "stop"


class GoOn(RunInput):
    """When annotation is good enough to go on, and what is to be done where it is not."""

    minimum_agreement: float = Field(
        0.667,
        ge=-1,
        le=1,
        title="Minimum agreement",
        description="Krippendorff's alpha of the verdicts, -1 to 1: from .800 firm, from .667 tentative.",
    )
    below: Literal["wait", "go on", "stop"] = Field(
        "wait",
        title="What to do below it, or while plans are open",
        description="wait: ask again later; go on: all the same, with what is decided; stop: end without an export.",
    )


def form(defaults: GoOn, description: str) -> type[GoOn]:
    """The form with other values filled in, under a description in Markdown."""
    fields: dict[str, Any] = {}
    for name, field in GoOn.model_fields.items():
        filled = copy(field)
        filled.default = getattr(defaults, name)
        fields[name] = (field.annotation, filled)
    made = cast("type[GoOn]", create_model(GoOn.__name__, __base__=GoOn, **fields))
    made._description = description
    return made


def last_answer(flow_run_id: UUID) -> tuple[int, GoOn | None]:
    """How often a flow run has asked, and what it was told the last time; None where it has not asked yet.

    Who resumes without a word means what was filled in.
    """
    with get_client(sync_client=True) as client:
        n_asked, schema = _last_form(client, flow_run_id)
        if not n_asked:
            return 0, None
        said = _read(client, flow_run_id, f"{_key(n_asked)}-response")
    return n_asked, GoOn(**json.loads(said)) if said else _filled_in(schema)


def ask(n_asked: int, defaults: GoOn, description: str) -> None:
    """Suspend this flow run, whose process then ends, until somebody answers the form."""
    suspend_flow_run(wait_for_input=form(defaults, description), key=f"{KEY}{n_asked + 1}")


def suspended_runs(flow_name: str) -> list[FlowRun]:
    """All flow runs of a flow that wait for people now."""
    name, state = FlowFilter(name=FlowFilterName(any_=[flow_name])), StateName(any_=[SUSPENDED])
    waiting = FlowRunFilter(state=FlowRunFilterState(name=state))
    found: list[FlowRun] = []
    with get_client(sync_client=True) as client:
        while page := client.read_flow_runs(flow_filter=name, flow_run_filter=waiting, limit=PAGE, offset=len(found)):
            found += page
            if len(page) < PAGE:
                break
    return found


def expected(flow_run_id: UUID, *, defaults: GoOn, unsaid_after_s: float = UNSAID_AFTER_S) -> GoOn | None:
    """What a suspended flow run has filled into its form; None where it waits no more, is gone, or has no form yet.

    One that was killed before it had a form gets one with `defaults`: without it, nobody could resume it.
    """
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(flow_run_id).state
        except ObjectNotFound:  # it was deleted since it was listed
            return None
        if state is None or state.name != SUSPENDED:
            return None
        key = (state.state_details.run_input_keyset or {}).get("schema", "")
        schema = _read(client, flow_run_id, key)
        if not schema:
            if (now("UTC") - state.timestamp).total_seconds() < unsaid_after_s:
                return None
            schema = json.dumps(form(defaults, "").model_json_schema())
            client.create_flow_run_input(flow_run_id, key, schema)
    return _filled_in(schema)


def resume(flow_run_id: UUID, answer: GoOn) -> bool:
    """Resume a suspended flow run with an answer; False where somebody else did. BackendError where it is refused."""
    with get_client(sync_client=True) as client:
        said = client.resume_flow_run(flow_run_id, run_input=answer.model_dump())
    if said.status == SetStateStatus.REJECT:
        why = getattr(said.details, "reason", None)
        raise BackendError(f"flow run {flow_run_id} cannot be resumed: {why}; resume it in Prefect's UI")
    return said.status == SetStateStatus.ACCEPT


def _last_form(client: SyncPrefectClient, flow_run_id: UUID) -> tuple[int, str]:
    """Number and schema of the last form of a flow run; 0 where it has none."""
    n = 0
    found = ""
    while schema := _read(client, flow_run_id, f"{_key(n + 1)}-schema"):
        n, found = n + 1, schema
    return n, found


def _key(number: int) -> str:
    """What the names of a form's inputs begin with."""
    return f"{SUSPENDED.lower()}-{KEY}{number}"


def _read(client: SyncPrefectClient, flow_run_id: UUID, key: str) -> str:
    """An input of a flow run; empty where it has none of that name."""
    try:
        return client.read_flow_run_input(flow_run_id, key)
    except PrefectHTTPStatusError as error:
        if error.response.status_code == 404:
            return ""
        raise


def _filled_in(schema: str) -> GoOn:
    properties = json.loads(schema)["properties"]
    return GoOn(**{name: field["default"] for name, field in properties.items() if "default" in field})

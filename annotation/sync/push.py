"""Push records: those that the server does not have yet, in batches; one that it refuses is set apart and told.

A record keeps its id, so that pushing again adds only what is missing: nothing after a whole push, the rest after one
that was cut off. What is there is never changed, since people may have answered it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotation.sync.client import Connection, Refused
from annotation.sync.pull import records_there

BATCH = 500
"""Most records that the server takes at once."""

Payload = Mapping[str, Any]
"""A record as the server takes it: external_id, fields, metadata and suggestions."""


@dataclass
class Pushed:
    """What a push did: records added, those that were there, and those refused, each with what the server said."""

    n_new: int = 0
    n_there: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def push_records(
    connection: Connection, dataset_id: str, payloads: Sequence[Payload], progress: Callable[[int], None]
) -> Pushed:
    """Send the records that a data set does not have; `progress` is told of each batch how many are done."""
    there = {record["external_id"] for record in records_there(connection, dataset_id, answers=False)}
    new = [payload for payload in payloads if payload["external_id"] not in there]
    pushed = Pushed(n_there=len(payloads) - len(new))
    progress(pushed.n_there)
    for start in range(0, len(new), BATCH):
        batch = new[start : start + BATCH]
        _send(connection, dataset_id, batch, pushed)
        progress(len(batch))
    return pushed


def _send(connection: Connection, dataset_id: str, batch: Sequence[Payload], pushed: Pushed) -> None:
    """Send a batch; where the server refuses it, each half, until the records that it means stand alone.

    The server takes a batch whole or not at all. To send a record that is there again would only renew it.
    """
    try:
        connection.request("PUT", f"/api/v1/datasets/{dataset_id}/records/bulk", json={"items": list(batch)})
        pushed.n_new += len(batch)
    except Refused as error:
        if len(batch) == 1:
            pushed.refused[batch[0]["external_id"]] = str(error)
            return
        half = len(batch) // 2
        _send(connection, dataset_id, batch[:half], pushed)
        _send(connection, dataset_id, batch[half:], pushed)

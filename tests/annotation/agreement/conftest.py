"""Data of published examples, as their authors print them."""

import pytest

Answers = tuple[list[str], list[str], list[int]]
Labels = tuple[list[str], list[str], list[str]]

RELIABILITY = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
"""Krippendorff 2011, section C: four observers, twelve units, some answers missing."""

ANAESTHETISTS = (
    "111 1 1 1 1|333 4 3 3 4|112 2 1 2 2|222 3 1 2 1|222 3 2 2 2|222 3 3 2 2|122 2 1 1 1|333 3 4 3 3|222 2 2 2 3|"
    "232 2 2 2 3|444 4 4 4 4|222 3 3 4 3|111 1 1 1 1|222 3 2 1 2|121 1 1 1 1|111 2 1 1 1|111 1 1 1 1|111 1 1 1 1|"
    "222 2 2 2 1|222 1 3 2 2|222 2 2 2 2|222 2 2 2 1|222 3 2 2 2|221 2 2 2 2|111 1 1 1 1|111 1 1 1 1|232 2 2 2 2|"
    "111 1 1 1 1|111 1 1 1 1|112 1 1 2 1|111 1 1 1 1|333 3 2 3 3|111 1 1 1 1|222 2 2 2 2|222 3 2 3 2|433 4 3 4 3|"
    "221 2 2 3 2|232 3 2 3 3|333 3 4 3 2|111 1 1 1 1|111 1 1 1 1|121 2 1 1 1|232 2 2 2 2|121 1 1 1 1|222 2 2 2 2"
)
"""Dawid and Skene 1979, table 1: 45 patients; the first anaesthetist saw each three times, four others once."""


@pytest.fixture
def reliability() -> Answers:
    """Units, observers and values of RELIABILITY, one an answer."""
    said = [
        (f"u{unit}", f"o{observer}", int(value))
        for observer, row in enumerate(RELIABILITY)
        for unit, value in enumerate(row.split())
        if value != "."
    ]
    units, observers, values = zip(*said, strict=True)
    return list(units), list(observers), list(values)


@pytest.fixture
def anaesthetists() -> Labels:
    """Patients, anaesthetists and classes of ANAESTHETISTS, one an answer."""
    said = [
        (f"{patient:02}", str(person), label)
        for patient, row in enumerate(ANAESTHETISTS.split("|"), 1)
        for person, labels in enumerate(row.split(), 1)
        for label in labels
    ]
    patients, people, labels = zip(*said, strict=True)
    return list(patients), list(people), list(labels)

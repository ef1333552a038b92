"""Times as filters write them: a day, a moment, or milliseconds since 1970."""

from datetime import UTC, datetime, timedelta

from .documents import instant

EPOCH = datetime(1970, 1, 1)

STEPS = {
    10: timedelta(days=1),
    13: timedelta(hours=1),
    16: timedelta(minutes=1),
    19: timedelta(seconds=1),
    23: timedelta(milliseconds=1),
}
"""How long a written time lasts, by the length of its text without the zone: `2026-01-31` is a day."""


def first_moment(written: object) -> str | None:
    """The first moment that a time stands for, as the index writes it; None where it is no time."""
    found = _moment(written)
    return None if found is None else instant(found)


def last_moment(written: object) -> str | None:
    """The last moment, a microsecond before the next day, hour, minute or second began; None where it is no time."""
    found = _moment(written)
    if found is None:
        return None
    step = STEPS.get(_length(written), timedelta(microseconds=1))
    try:
        return instant(found + step - timedelta(microseconds=1))
    except OverflowError:
        return instant(found)


def _moment(written: object) -> datetime | None:
    if isinstance(written, datetime):
        return written
    try:
        return _from_text(str(written))
    except (ValueError, OverflowError):
        return None


def _from_text(text: str) -> datetime:
    if text[4:5] == "-":
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    return EPOCH + timedelta(milliseconds=float(text))


def _length(written: object) -> int:
    """Characters of a written time without its zone."""
    text = str(written)
    if isinstance(written, datetime) or text[4:5] != "-":
        return 0
    return len(text[:10] + text[10:].split("Z")[0].split("+")[0].split("-")[0])

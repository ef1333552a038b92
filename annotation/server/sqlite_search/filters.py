"""The server's filters as conditions on the rows `d` of the table `documents`.

Terms are compared exactly: text as text, numbers as numbers (`"3"` and `"3.0"` are the number 3). Ranges include both
ends; a time without its smaller parts stands for the first moment it could mean at the lower end and for the last at
the upper one, so that a day as upper end includes that day. A bound that cannot be compared with the property matches
nothing.
"""

from argilla_server.enums import ResponseStatusFilter
from argilla_server.search_engine.base import (
    AndFilter,
    Filter,
    FilterScope,
    MetadataFilterScope,
    RangeFilter,
    RecordFilterScope,
    ResponseFilterScope,
    SuggestionFilterScope,
    TermsFilter,
)

from .sql import EVERYWHERE, NOWHERE, Sql, joined, placeholders
from .times import first_moment, last_moment
from .writes import metadata_key, suggestion_key

RECORD_TERMS = {"id": "record_id", "external_id": "external_id", "status": "status"}
"""Columns with text, by the record's property."""

RECORD_TIMES = {"inserted_at": "inserted_at", "updated_at": "updated_at"}


def condition(asked: Filter, number: int) -> Sql:
    """What rows of an index (by its number) have to meet.

    Raises ValueError for a filter that the server's engines do not know.
    """
    if isinstance(asked, AndFilter):
        return joined([condition(each, number) for each in asked.filters], " AND ", EVERYWHERE)
    if not isinstance(asked, TermsFilter | RangeFilter):
        raise ValueError(f"cannot filter by {asked}")
    if isinstance(asked.scope, RecordFilterScope):
        return _record_condition(asked, str(asked.scope.property))
    if isinstance(asked.scope, ResponseFilterScope):
        return _response_condition(asked, asked.scope, number)
    of_facets = Sql("FROM facets WHERE number = ? AND key = ?", [number, facet_key(asked.scope)])
    return _any_value(asked, of_facets)


def facet_key(scope: FilterScope) -> str:
    """The facet that a scope means. Raises ValueError where it means none."""
    if isinstance(scope, MetadataFilterScope):
        return metadata_key(clean(scope.metadata_property))
    if isinstance(scope, SuggestionFilterScope):
        return suggestion_key(clean(scope.question), clean(scope.property))
    raise ValueError(f"cannot filter or sort by {scope}")


def clean(value: object) -> str:
    """Text that SQLite takes: halves of characters, which UTF-8 cannot hold, become question marks."""
    return str(value).encode("utf-8", "replace").decode()


def _record_condition(asked: TermsFilter | RangeFilter, name: str) -> Sql:
    if name in RECORD_TERMS:
        return _comparison(asked, f"d.{RECORD_TERMS[name]}")
    if name not in RECORD_TIMES:
        raise ValueError(f"cannot filter by the record's {name!r}")
    column = f"d.{RECORD_TIMES[name]}"
    if isinstance(asked, TermsFilter):
        return joined([_between(column, value, value) for value in asked.values], " OR ", NOWHERE)
    return _between(column, asked.ge, asked.le)


def _between(column: str, low: object, high: object) -> Sql:
    """From the first moment of one time to the last of another; an end that is None is open."""
    ends = [(f"{column} >= ?", first_moment(low), low), (f"{column} <= ?", last_moment(high), high)]
    if any(moment is None and written is not None for _, moment, written in ends):
        return NOWHERE
    return joined([Sql(text, [moment]) for text, moment, written in ends if written is not None], " AND ", EVERYWHERE)


def _response_condition(asked: TermsFilter | RangeFilter, scope: ResponseFilterScope, number: int) -> Sql:
    user = Sql("", []) if scope.user is None else Sql(" AND user_id = ?", [str(scope.user.id)])
    if scope.question:
        found = Sql(
            f"FROM answers WHERE number = ? AND question = ?{user.text}", [number, clean(scope.question), *user.values]
        )
        return _any_value(asked, found)
    if scope.property == "status" and isinstance(asked, TermsFilter):
        return _status_condition(asked, Sql(f"FROM responses WHERE number = ?{user.text}", [number, *user.values]))
    raise ValueError(f"cannot filter responses by {asked}")


def _status_condition(asked: TermsFilter, responses: Sql) -> Sql:
    """Records with a response of one of the statuses; a pending record is one without any."""
    statuses: list[object] = [clean(value) for value in asked.values if value != ResponseStatusFilter.pending]
    ways = []
    if len(statuses) < len(asked.values):
        ways.append(Sql(f"d.id NOT IN (SELECT document {responses.text})", responses.values))
    if statuses:
        text = f"d.id IN (SELECT document {responses.text} AND status IN ({placeholders(statuses)}))"
        ways.append(Sql(text, [*responses.values, *statuses]))
    return joined(ways, " OR ", EVERYWHERE)


def _any_value(asked: TermsFilter | RangeFilter, rows: Sql) -> Sql:
    """Documents with a row whose amount or term meets the filter."""
    ways = [way for way in (_amounts(asked), _comparison(asked, "term")) if way != NOWHERE]
    found = [Sql(f"SELECT document {rows.text} AND {way.text}", [*rows.values, *way.values]) for way in ways]
    documents = joined(found, " UNION ALL ", NOWHERE)
    return documents if documents == NOWHERE else Sql(f"d.id IN {documents.text}", documents.values)


def _comparison(asked: TermsFilter | RangeFilter, column: str) -> Sql:
    """A condition on a column with text."""
    if isinstance(asked, TermsFilter):
        terms: list[object] = [clean(value) for value in asked.values]
        return Sql(f"{column} IN ({placeholders(terms)})", terms) if terms else NOWHERE
    ends = [(f"{column} >= ?", asked.ge), (f"{column} <= ?", asked.le)]
    return joined([Sql(text, [clean(end)]) for text, end in ends if end is not None], " AND ", EVERYWHERE)


def _amounts(asked: TermsFilter | RangeFilter) -> Sql:
    """A condition on the column `amount`."""
    if isinstance(asked, TermsFilter):
        numbers: list[object] = [number for number in map(_number, asked.values) if number is not None]
        return Sql(f"amount IN ({placeholders(numbers)})", numbers) if numbers else NOWHERE
    ends = [("amount >= ?", asked.ge), ("amount <= ?", asked.le)]
    bounds = [Sql(text, [_number(end)]) for text, end in ends if end is not None]
    if any(bound.values == [None] for bound in bounds):
        return NOWHERE
    return joined([*bounds, Sql("amount IS NOT NULL", [])], " AND ", EVERYWHERE)


def _number(value: object) -> float | None:
    text = str(value)
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None

"""The server's orders as terms of ORDER BY. Records without the value come last, whichever the direction.

Of several values the smallest counts in ascending order and the largest in descending order; of several responses'
numbers the mean.
"""

import hashlib
from collections.abc import Sequence
from uuid import UUID

from argilla_server.search_engine.base import Order, RecordFilterScope, ResponseFilterScope

from .filters import RECORD_TERMS, RECORD_TIMES, clean, facet_key
from .sql import Sql, joined

PRIME = 2**31 - 1


def order_by(orders: Sequence[Order]) -> Sql:
    """One term for each order, in their order. Raises ValueError for one that the server's engines do not know."""
    terms = joined([_term(order) for order in orders], ", ", Sql("", []))
    return Sql(terms.text[1:-1], terms.values)


def shuffled_for(user_id: UUID | str) -> Sql:
    """An order of a user's own: the same at each call, another for each user.

    Multiplication modulo a prime of the record's and the user's random numbers (Carter and Wegman 1979): two users'
    orders are as good as independent, and neither an update of a record nor a new index changes one.
    """
    digest = hashlib.blake2b(str(user_id).encode(), digest_size=16).digest()
    factor, offset = (int.from_bytes(half, "big") % (PRIME - 1) + 1 for half in (digest[:8], digest[8:]))
    return Sql("(d.shuffle * ? + ?) % ?", [factor, offset, PRIME])


def _term(order: Order) -> Sql:
    is_descending = str(order.order) == "desc"
    value = _value(order, "max" if is_descending else "min")
    return Sql(f"{value.text} {'DESC' if is_descending else 'ASC'} NULLS LAST", value.values)


def _value(order: Order, pick: str) -> Sql:
    scope = order.scope
    if isinstance(scope, RecordFilterScope):
        return _record_value(str(scope.property))
    if isinstance(scope, ResponseFilterScope):
        return _response_value(scope, pick)
    text = f"(SELECT coalesce({pick}(amount), {pick}(term)) FROM facets WHERE document = d.id AND key = ?)"
    return Sql(text, [facet_key(scope)])


def _record_value(name: str) -> Sql:
    columns = RECORD_TERMS | RECORD_TIMES
    if name not in columns:
        raise ValueError(f"cannot sort by the record's {name!r}")
    return Sql(f"d.{columns[name]}", [])


def _response_value(scope: ResponseFilterScope, pick: str) -> Sql:
    user = Sql("", []) if scope.user is None else Sql(" AND user_id = ?", [str(scope.user.id)])
    if scope.question:
        text = f"coalesce(avg(amount), {pick}(term)) FROM answers WHERE document = d.id AND question = ?{user.text}"
        return Sql(f"(SELECT {text})", [clean(scope.question), *user.values])
    if scope.property == "status":
        return Sql(f"(SELECT {pick}(status) FROM responses WHERE document = d.id{user.text})", user.values)
    raise ValueError(f"cannot sort by {scope}")

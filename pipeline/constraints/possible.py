"""What no answer could hold, or every answer would: tasks of such constraints are refused when they are read."""

from collections.abc import Collection, Iterable
from typing import Any

from pipeline.constraints.entries import ENTRY_KINDS, key, place_key
from schemas.messages import did_you_mean

STATES_COSTS = ("days", "entries")
"""Forms of answers that can say what an entry costs."""


def require_kinds(form: str, field: str, kinds: Iterable[str]) -> None:
    """ValueError for a kind that no entry of a form has; constraints would select nothing and so hold."""
    able = ENTRY_KINDS.get(form)
    for kind in kinds:
        if able and key(kind) not in able:
            wanted = f"wanted one of {', '.join(able)}" if len(able) > 1 else f"wanted {able[0]}"
            raise ValueError(f"{field}: found {kind!r}, {wanted} in the form {form!r}{did_you_mean(key(kind), able)}")


def require_options(form: str, field: str, rule: Any, options: Collection[Any]) -> None:
    """ValueError where what a `known` or `sum_at_most` selects can be no option; of a sum, nor state its own cost."""
    kinds = {key(kind) for kind in rule.of}
    has_own_cost = rule.kind == "sum_at_most" and form in STATES_COSTS and kinds - {key(o.kind) for o in options}
    if has_own_cost or any(_selects(rule, kinds, option) for option in options):
        return
    said = [f"{name} {', '.join(getattr(rule, name)[:6])}" for name in ("of", "names", "places") if getattr(rule, name)]
    raise ValueError(
        f"{field}: found no option with {', '.join(said)}, so that no answer could hold it; "
        "wanted such an option in options"
    )


def _selects(rule: Any, kinds: set[str], option: Any) -> bool:
    names, places = {key(name) for name in rule.names}, {place_key(place) for place in rule.places}
    return (
        key(option.kind) in kinds
        and (not names or key(option.name) in names)
        and (not places or bool({place_key(option.place), place_key(option.to)} & places))
    )

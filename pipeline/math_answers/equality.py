"""Whether an answer equals the gold one: by its form and exact numbers first, expressions by a comparison given.

The list of what counts as equal is the table in docs/math.md, which the tests check row by row.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipeline.math_answers.equal_numbers import Rules, equal_forms, equal_quantities, plain_texts, rounding, unit_factor
from pipeline.math_answers.quantities import Based, Clock, Quantity
from pipeline.math_answers.values import Expression, Items, Named, Value, Words, read
from pipeline.plain_values import same_text

MAX_UNORDERED = 60
"""Most values of a set, or of a list without order, which are compared each with each."""
MAX_DEPTH = 4
"""Deepest nesting of brackets that is read as tuples of tuples; what is deeper is one expression."""
Compare = Callable[[str, str, float], bool | None]
"""Whether two expressions are equal, gold first, within a relative tolerance; None where that cannot be told."""

_RELATION = re.compile(r"[=<>≤≥]|\\(?:le|ge|lt|gt|neq?|leq|geq)(?![a-z])")
_INEQUALITY = re.compile(r"[<>≤≥]|\\(?:le|ge|lt|gt|leq|geq)(?![a-z])")
_read = lru_cache(maxsize=4096)(read)


def equal(gold: str, answer: str, rules: Rules, compare: Compare) -> bool | None:
    """Whether two answers are equal; None where it cannot be told. Raises Unreadable for what is no answer.

    >>> equal("(1, 1/2)", "(1.0, 0.5)", Rules(), lambda gold, answer, tolerance: None)
    True
    """
    if rules.is_exact:
        return same_text(gold, answer, is_case_kept=True)
    return _Comparison(rules, compare).texts(gold, answer)


@dataclass(frozen=True)
class _Comparison:
    """A comparison of two answers, or of two values in them, `depth` brackets deep."""

    rules: Rules
    compare: Compare
    depth: int = 0

    def texts(self, gold: str, answer: str) -> bool | None:
        """Whether the values of two texts are equal; Unreadable where one says none."""
        wanted, found = _read(gold), _read(answer)
        if isinstance(wanted, Quantity) and isinstance(found, Quantity):
            return equal_quantities(wanted, found, self.rules)
        if type(wanted) is type(found) and same_text(gold, answer, is_case_kept=self.rules.case):
            return True
        pair = (gold, wanted), (answer, found)
        for form, compared in ((Named, self._names), (Items, self._items), (Words, self._words)):
            if isinstance(wanted, form) or isinstance(found, form):
                return compared(*pair) if self.depth < MAX_DEPTH else self.compare(gold, answer, self.rules.tolerance)
        return self._numbers(*pair)

    def _inner(self, gold: str, answer: str) -> bool | None:
        return _Comparison(self.rules, self.compare, self.depth + 1).texts(gold, answer)

    def _names(self, gold: tuple[str, Value], answer: tuple[str, Value]) -> bool | None:
        """x = 5 is 5 and not y = 5; y = x + 1 may be x = y - 1."""
        (wanted_text, wanted), (found_text, found) = gold, answer
        if any(isinstance(value, Expression) and _RELATION.search(value.text) for value in (wanted, found)):
            return self.compare(wanted_text, found_text, 0.0)
        if not isinstance(wanted, Named):
            return self._inner(wanted_text, found.value if isinstance(found, Named) else found_text)
        if not isinstance(found, Named):
            return self._inner(wanted.value, found_text)
        if wanted.name == found.name:
            return self._inner(wanted.value, found.value)
        if all(isinstance(_read(named.value), Expression) for named in (wanted, found)):
            return self.compare(wanted_text, found_text, 0.0)
        return False

    def _items(self, gold: tuple[str, Value], answer: tuple[str, Value]) -> bool | None:
        (wanted_text, wanted), (found_text, found) = gold, answer
        if not (isinstance(wanted, Items) and isinstance(found, Items)):
            if isinstance(wanted, Items) and len(wanted.items) == 1:
                return self._inner(wanted.items[0], found_text)
            if isinstance(found, Items) and len(found.items) == 1:
                return self._inner(wanted_text, found.items[0])
            if any(isinstance(side, Items) and _INEQUALITY.search(" ".join(side.items)) for side in (wanted, found)):
                return None
            is_symbolic = isinstance(wanted, Expression) or isinstance(found, Expression)
            return self.compare(wanted_text, found_text, 0.0) if is_symbolic else False
        found = _by_name(wanted, found)
        wanted, found = _as_vectors(wanted, found)
        if not (self.rules.is_loose or _compatible(wanted, found)):
            return False
        if self._is_ordered(wanted, found):
            return self._in_order(wanted.items, found.items)
        if max(len(wanted.items), len(found.items)) > MAX_UNORDERED:
            return None
        is_set = "{}" in (wanted.brackets, found.brackets)
        return (self._as_sets if is_set else self._one_to_one)(wanted.items, found.items)

    def _is_ordered(self, wanted: Items, found: Items) -> bool:
        """Sets and bare lists have no order, unless the gold names its values and the answer does not."""
        if self.rules.order is not None or wanted.brackets not in ("", "{}"):
            return self.rules.order is not False
        names = {value.name for item in wanted.items if isinstance(value := _read(item), Named)}
        return len(names) > 1 and not any(isinstance(_read(item), Named) for item in found.items)

    def _in_order(self, wanted: Sequence[str], found: Sequence[str]) -> bool | None:
        if len(wanted) != len(found):
            return False
        return _all(self._inner(gold, answer) for gold, answer in zip(wanted, found, strict=True))

    def _as_sets(self, wanted: Sequence[str], found: Sequence[str]) -> bool | None:
        missing = _all(_any(self._inner(gold, answer) for answer in found) for gold in wanted)
        if missing is False:
            return False
        return _all([missing, *(_any(self._inner(gold, answer) for gold in wanted) for answer in found)])

    def _one_to_one(self, wanted: Sequence[str], found: Sequence[str]) -> bool | None:
        if len(wanted) != len(found):
            return False
        left, is_unsure = list(found), False
        for gold in wanted:
            results = []
            for answer in left:
                results.append(self._inner(gold, answer))
                if results[-1]:
                    left.remove(answer)
                    break
            else:
                if None not in results:
                    return False
                is_unsure = True
        return None if is_unsure else True

    def _words(self, gold: tuple[str, Value], answer: tuple[str, Value]) -> bool | None:
        (wanted_text, wanted), (found_text, found) = gold, answer
        if not (isinstance(wanted, Words) and isinstance(found, Words)):
            words = wanted if isinstance(wanted, Words) else found
            may_be_product = isinstance(words, Words) and len(words.text) <= 3
            if isinstance(words, Words) and words.text[:1].isdigit():
                return None  # "5 hours 30 minutes" and "5 thirds" are amounts that are not read
            is_symbolic = isinstance(wanted, Expression) or isinstance(found, Expression)
            return self.compare(wanted_text, found_text, 0.0) if is_symbolic and may_be_product else False
        if self.rules.case and wanted.text.casefold() == found.text.casefold():
            return wanted.text == found.text
        names = {"true": "yes", "false": "no"} if self.rules.is_loose else {}
        return names.get(wanted.canonical, wanted.canonical) == names.get(found.canonical, found.canonical)

    def _numbers(self, gold: tuple[str, Value], answer: tuple[str, Value]) -> bool | None:
        """Numbers of different forms, and expressions, of which the plain numbers lose their units."""
        wanted, found = gold[1], answer[1]
        if not (isinstance(wanted, Expression) or isinstance(found, Expression)):
            return equal_forms(wanted, found) or equal_forms(found, wanted)
        if any(isinstance(value, Based | Clock) for value in (wanted, found)):
            return None
        factor = unit_factor(wanted, found, self.rules)
        if factor is None:
            return False
        tolerance = max([self.rules.tolerance, *(rounding(value, self.rules) for value in (wanted, found))])
        return _any(
            self.compare(
                one if factor == 1 else f"({one}) \\cdot \\frac{{{factor.numerator}}}{{{factor.denominator}}}",
                other,
                tolerance,
            )
            for one in plain_texts(wanted, self.rules)
            for other in plain_texts(found, self.rules)
        )


def _by_name(wanted: Items, found: Items) -> Items:
    """Values of x, y and z in this order where the gold answer does not name its own: `y = 3, x = 2` is (2, 3)."""
    named = {value.name: item for item in found.items if isinstance(value := _read(item), Named)}
    is_named = any(isinstance(_read(item), Named) for item in wanted.items)
    if is_named or len(named) != len(found.items) or not named.keys() <= {"x", "y", "z"}:
        return found
    return Items(found.brackets, tuple(named[name] for name in sorted(named)))


def _as_vectors(wanted: Items, found: Items) -> tuple[Items, Items]:
    """A matrix of one row or one column beside a tuple becomes one too."""
    one, other = (
        _vector(a) if a.brackets == "[[" and b.brackets == "()" else a for a, b in ((wanted, found), (found, wanted))
    )
    return one, other


def _vector(matrix: Items) -> Items:
    rows = [_read(row) for row in matrix.items]
    if len(rows) == 1 and isinstance(rows[0], Items):
        return Items("()", rows[0].items)
    return matrix if any(isinstance(row, Items) for row in rows) else Items("()", matrix.items)


def _compatible(wanted: Items, found: Items) -> bool:
    """Whether brackets can mean the same: a set is no pair, and one of two values may be an interval."""
    one, other = wanted.brackets, found.brackets
    if one == other or (one == "" and other in ("()", "{}", "[]")):
        return True
    if other == "":
        return one in ("{}", "()") or (one == "[]" and len(wanted.items) != 2)
    return {one, other} == {"()", "[]"} and len(wanted.items) != 2


def _all(results: Iterable[bool | None]) -> bool | None:
    is_unsure = False
    for result in results:
        if result is False:
            return False
        is_unsure = is_unsure or result is None
    return None if is_unsure else True


def _any(results: Iterable[bool | None]) -> bool | None:
    is_unsure = False
    for result in results:
        if result:
            return True
        is_unsure = is_unsure or result is None
    return None if is_unsure else False

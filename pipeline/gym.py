"""The reasoning-gym library, as functions that run in limited workers; no other process ever imports it.

Several of its scorers evaluate the answer as Python. Here they cannot: `eval` reads literals only, and `parse_expr`
reads arithmetic, or algebra with a few known functions. An answer that is more than that scores as one that
cannot be read.
"""

import ast
import importlib
import importlib.metadata
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.limited import CallFailed, LimitedWorkers
from schemas.errors import RecipeError
from schemas.messages import did_you_mean

LIBRARY = "reasoning-gym"
FAMILIES_FILE = Path(__file__).with_name("gym_families.json")
"""What `python -m pipeline.gym_admission` found: each family with the reason why it is refused, or null."""

CALL_SECONDS = 120.0
INSTALL = "install it, in Coldstart's folder: pip install '.[tasks]'"

LITERALS = ("binary_matrix", "number_sorting", "spiral_matrix", "string_insertion")
ARITHMETIC = re.compile(r"(?:[\d\s()+-]|\*(?!\s*\*)|/(?!\s*/)){1,300}")
SYMBOLS = re.compile(r"[\w\s()+\-*/.,]{1,2000}")
WORDS = re.compile(r"[^\W\d]\w*")
FUNCTIONS = frozenset(
    {"sin", "cos", "tan", "sec", "csc", "cot", "sinh", "cosh", "tanh", "asin", "acos", "atan", "exp", "log", "ln"}
    | {"sqrt", "Abs", "pi"}
)
TOO_LARGE = re.compile(r"\*\*[\s(+-]*(?:\d{4,}|[\w.]+\s*\*\*)|\d{60,}")
"""Powers whose value could fill the memory."""


@cache
def _list() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FAMILIES_FILE.read_text(encoding="utf-8"))
    return found


def families() -> Mapping[str, str | None]:
    """Every family of the library with the reason why it is refused; None where it is admitted."""
    found: dict[str, str | None] = _list()["families"]
    return found


def family_error(name: str) -> str | None:
    """Why a family cannot be used, in one line; None where it can."""
    if name in families():
        reason = families()[name]
        return None if reason is None else f"the family {name!r} is not admitted, {reason} (see docs/reasoning-gym.md)"
    return f"unknown family {name!r}{did_you_mean(name, families(), 'docs/reasoning-gym.md lists them')}"


def version() -> str:
    """The version of the library that is installed; RecipeError where none is."""
    try:
        return importlib.metadata.version(LIBRARY)
    except importlib.metadata.PackageNotFoundError:
        raise RecipeError(f"{LIBRARY} is not installed; {INSTALL}") from None


def listed_version() -> str:
    """The version of the library that the list of families was made with."""
    return str(_list()["version"])


def settings_error(family: str, settings: Mapping[str, Any]) -> str | None:
    """What is wrong with the settings of a family, in one line; None where they are fine."""
    known = workers.call(knobs, family, seconds=CALL_SECONDS)
    if unknown := sorted(settings.keys() - set(known)):
        return f"{family} has no setting {unknown[0]!r}; there are {', '.join(known)}"
    try:
        workers.call(entries, family, settings, 0, 0, 0, seconds=CALL_SECONDS)
    except CallFailed as error:
        return f"{family} refuses its settings: {error}"
    return None


# What follows runs in a worker process.


def warm() -> None:
    """Import the library, keep its scorers from evaluating, and make the scorers of the admitted families."""
    import reasoning_gym  # type: ignore[import-untyped]
    import sympy  # type: ignore[import-untyped]
    from reasoning_gym.games import countdown, n_queens, puzzle24  # type: ignore[import-untyped]

    for module in (n_queens, *(importlib.import_module(f"reasoning_gym.algorithmic.{name}") for name in LITERALS)):
        vars(module)["eval"] = ast.literal_eval
    parse = sympy.parse_expr
    vars(sympy)["parse_expr"] = _only(_is_algebra, parse)
    for module in (countdown, puzzle24):
        vars(module)["parse_expr"] = _only(_is_arithmetic, parse)
    for family, refused in families().items():
        if refused is None:
            _scorers[family] = reasoning_gym.create_dataset(family)


def knobs(family: str) -> list[str]:
    """The names of a family's settings."""
    import dataclasses

    from reasoning_gym.factory import DATASETS  # type: ignore[import-untyped]

    return sorted({field.name for field in dataclasses.fields(DATASETS[family][1])} - {"seed", "size"})


def registered() -> list[str]:
    """The names of all families of the library."""
    from reasoning_gym.factory import DATASETS

    return sorted(DATASETS)


def entries(family: str, settings: Mapping[str, Any], seed: int, start: int, stop: int) -> list[dict[str, Any]]:
    """Entries `start` to `stop` of a family: question, answer and metadata, as JSON without nulls."""
    import reasoning_gym

    dataset = reasoning_gym.create_dataset(family, **{**settings, "seed": seed, "size": max(stop, 1)})
    return [_plain(json.loads(json.dumps(dataset[index], default=_as_json))) for index in range(start, stop)]


def score(family: str, settings: Mapping[str, Any], entry: Mapping[str, Any], answer: str) -> float:
    """The library's score of an answer, in [0, 1]; 1 is correct."""
    import reasoning_gym

    if settings or family not in _scorers:
        _scorers[family] = reasoning_gym.create_dataset(family, **settings)
    value = float(_scorers[family].score_answer(answer, entry))
    if not 0 <= value <= 1:
        raise ValueError(f"a score of {value}")
    return value


def scores(family: str, judged: list[tuple[dict[str, Any], str]]) -> list[float]:
    """The scores of many (entry, answer) in one process, with the family's own settings."""
    return [score(family, {}, entry, answer) for entry, answer in judged]


def _as_json(value: Any) -> Any:
    """What numpy's numbers are in JSON; fractions and the like become their text."""
    return value.item() if hasattr(value, "item") else str(value)


def _plain(value: Any) -> Any:
    """A JSON value without the fields that are null, which the tables do not keep."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if inner is not None}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _only(is_allowed: Callable[[str], bool], parse: Callable[..., Any]) -> Callable[..., Any]:
    def parse_allowed(text: str, *arguments: Any, **named: Any) -> Any:
        if not is_allowed(text):
            raise ValueError("not an expression that is evaluated")
        return parse(text, *arguments, **named)

    return parse_allowed


def _is_arithmetic(text: str) -> bool:
    """Numbers, brackets and the four operations.

    >>> [_is_arithmetic(text) for text in ("(3 * 8) + 5", "2**3", "3!", "int('24')", "1.5*2", "x")]
    [True, False, False, False, False, False]
    """
    return ARITHMETIC.fullmatch(text) is not None


def _is_algebra(text: str) -> bool:
    """Sums, products, powers and known functions of numbers and variables of one letter.

    >>> [_is_algebra(text) for text in ("3*x**2/2 + C", "exp(-2*x)*sin(x)", "integrate(x, x)", "x.func", "9**9**9")]
    [True, True, False, False, False]
    """
    is_known = all(len(word) == 1 or word in FUNCTIONS for word in WORDS.findall(text))
    has_attribute = re.search(r"\.\s*[^\W\d]", text)
    return bool(SYMBOLS.fullmatch(text) and is_known and not has_attribute and not TOO_LARGE.search(text))


_scorers: dict[str, Any] = {}
workers = LimitedWorkers(warm, confined=True)

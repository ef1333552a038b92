r"""Choose the plans that are tried: parsed plans of kept prompts, without near-copies within a prompt.

One sign can make another plan: `11*8`, `#1+10` shares all but a character with `11*8`, `#1-10`. So only plans that
say the same formally are compared (`formal`), and near-duplicates differ in their wording alone. What is compared is
the rendered plan, as words, numbers and single signs: spaces within a formula make no difference.

Plans that people edited are compared with each other only: an edit that changes the wording alone is tried too, and the
plan that it was made of, which was tried before, stays.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from pipeline.dedup.near import near_duplicates
from pipeline.plan_text import render_plan
from pipeline.shingling import normalised
from schemas.ids import canonical_json, content_id
from schemas.recipe import PlanSettings

SHORT_STEP = 8
"""A step of so many words, numbers and signs at most has no wording to vary: each of them counts."""

_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_HEAD = re.compile(r"\(?\s*([^\s()]+)")
_ONE_SPELLING = {"−": "-", "×": "*", "·": "*", "÷": "/"}
_OPERATORS = frozenset("-+*/^=<>≤≥≠%")


def distinct_plans(
    bands: pl.DataFrame, rollouts: pl.DataFrame, plans: pl.DataFrame, config: PlanSettings
) -> Iterator[dict[str, Any]]:
    """Decisions on the parsed plans of kept prompts: rows of `near_duplicates` with structure_key, by id.

    Of near-duplicates the earliest is kept: the smallest sample_index of the rollout that wrote it (a plan that no
    rollout wrote comes last), then the smallest plan_id.
    """
    kept = bands.filter(pl.col("decision") == "kept")
    index = rollouts.select("rollout_id", keep_by=-pl.col("sample_index"))
    candidates = (
        plans.filter(pl.col("status") == "parsed")
        .join(kept, on="prompt_id", how="semi")
        .join(index, on="rollout_id", how="left")
        .sort("plan_id")
    )
    rows = [
        {"id": row["plan_id"], "text": " ".join(signs(render_plan(row))), "keep_by": row["keep_by"],
         "among": f"{row['prompt_id']} {row['origin'] == 'person'} {formal(row['steps'])}",
         "structure_key": structure_key(row["steps"])}
        for row in candidates.iter_rows(named=True)
    ]  # fmt: skip
    texts = pl.DataFrame(rows, {"id": pl.String, "text": pl.String, "keep_by": pl.Int32, "among": pl.String})
    found = {row["id"]: row for row in near_duplicates(texts, config).iter_rows(named=True)}
    for row in rows:
        yield found[row["id"]] | {"structure_key": row["structure_key"]}


def signs(text: str) -> list[str]:
    """The words, numbers and single signs of a text, normalised; signs of arithmetic in one spelling.

    >>> signs("1. 11×8 — Halve it")
    ['1', '.', '11', '*', '8', '—', 'halve', 'it']
    """
    return [_ONE_SPELLING.get(token, token) for token in _TOKEN.findall(normalised(text))]


def formal(steps: Sequence[Mapping[str, Any]]) -> str:
    """What two wordings of one plan share: of each step the action, and the numbers and operators of its texts.

    >>> formal([{"goal": "take half of the sum of 3 + 8, as before", "how": None, "check": None, "action": None}])
    '[["3","+","8"]]'
    """
    return canonical_json([_formal(step) for step in steps])


def _formal(step: Mapping[str, Any]) -> list[str]:
    said = signs(" ".join(step[name] or "" for name in ("goal", "how", "check")))
    action = [normalised(step["action"])] if step["action"] else []
    return action + [sign for sign in said if len(said) <= SHORT_STEP or sign.isdecimal() or sign in _OPERATORS]


def structure_key(steps: Sequence[Mapping[str, Any]]) -> str:
    """Hash of a plan's shape: for each step the steps that it needs, by number, and its operator; nothing of its words.

    The operator is the first word of an action, as in `(stack a b)`, else the signs of a formula, as in `#1+10`; a
    step in words has none.
    """
    number = {step["id"]: i for i, step in enumerate(steps)}
    return content_id(
        "structure", steps=[[sorted(number[id] for id in step["depends_on"]), _operator(step)] for step in steps]
    )


def _operator(step: Mapping[str, Any]) -> str:
    if step["action"] and (head := _HEAD.match(step["action"])):
        return head[1].lower()
    said = signs(step["goal"])
    in_words = any(len(sign) > 1 and not sign.isdecimal() for sign in said)
    return "" if in_words else "".join(sign for sign in said if sign in _OPERATORS)

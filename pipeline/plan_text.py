"""Plans as text: read JSON, Markdown lists and bare actions; write numbered Markdown. The two are inverse.

A plan in canonical form has steps numbered "1", "2", ...; every text is on one line; what stands before the first
" — " of a step is its goal, the rest is how; a goal that is a PDDL action is also the step's action.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from pipeline.rows import without_surrogates

PARSED = "parsed"
MALFORMED = "malformed"
MISSING = "missing"

DASH = " — "
MAX_INT32 = 2**31 - 1

ACTION = re.compile(r"\([A-Za-z][^()\s]*( [^()\s]+)*\)")
NUMBERED = re.compile(r"(?P<indent>\s*)(?:step )?(?P<number>[0-9]{1,4})[.):]\s+(?P<goal>\S.*)", re.IGNORECASE)
BULLETED = re.compile(r"(?P<indent>\s*)(?P<number>)[-*+•]\s+(?P<goal>\S.*)")
LABEL = r"\s*(?P<bold>\*\*)?(?P<label>{})(?(bold)(?::\*\*|\*\*:)|:)\s*(?P<value>.*)"
HEAD = re.compile(LABEL.format("strategy|rejected"), re.IGNORECASE)
DETAIL = re.compile(
    r"\s*[-*+•]" + LABEL.format("how|depends on|effort|check|on failure|action"), re.IGNORECASE
)  # fmt: skip
FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)


class ParsedPlan(NamedTuple):
    """What was read; `steps` is empty unless status is `parsed`, and `rejected` is null where none is named."""

    status: str
    strategy: str | None = None
    rejected: list[str] | None = None
    steps: list[dict[str, Any]] = []  # noqa: RUF012 (nobody changes it)


class _Unreadable(ValueError):
    """The text is not one plan."""


def parse_plan(text: str) -> ParsedPlan:
    """Read a plan; never raises on any text.

    Reads JSON (an object with `steps`, or a list of steps; also in a fenced block), a list of PDDL actions one a
    line, and a numbered or bulleted Markdown list after optional `Strategy:` and `Rejected:` lines. Text below a
    step is how it is done, but for the lines that `render_plan` labels. Anything else is `malformed`: no step, a
    step without a goal, a dependency on no step, or several lists (which of them is the plan cannot be told).

    >>> plan = parse_plan("Strategy: free c first\\n1. Move c — it is clear\\n2. Move b")
    >>> plan.strategy, [(step["id"], step["goal"], step["how"]) for step in plan.steps]
    ('free c first', [('1', 'Move c', 'it is clear'), ('2', 'Move b', None)])
    >>> parse_plan("I do not know.").status
    'malformed'
    """
    if not text.strip():
        return ParsedPlan(MISSING)
    try:
        raw = _read(text)
        rejected = [line for value in raw["rejected"] if (line := _line(value))]
        return ParsedPlan(PARSED, _line(raw["strategy"]), rejected or None, _steps(raw["steps"]))
    except _Unreadable:
        return ParsedPlan(MALFORMED)


def render_plan(plan: Mapping[str, Any]) -> str:
    """A row of the plans table as numbered Markdown, which `parse_plan` reads back as the same plan.

    >>> print(render_plan(parse_plan('["look", {"goal": "leap", "depends_on": [1]}]')._asdict()))
    1. look
    2. leap
       - depends on: 1
    """
    head = [f"Strategy: {plan['strategy']}"] if plan["strategy"] else []
    head += [f"Rejected: {strategy}" for strategy in plan.get("rejected_strategies") or plan.get("rejected") or []]
    number = {step["id"]: str(i) for i, step in enumerate(plan["steps"], 1)}
    steps = [line for step in plan["steps"] for line in _step_lines(step, number)]
    return "\n".join([*head, "", *steps] if head else steps)


def _step_lines(step: Mapping[str, Any], number: Mapping[str, str]) -> Iterator[str]:
    how = f"{DASH}{step['how']}" if step["how"] else ""
    yield f"{number[step['id']]}. {step['goal']}{how}"
    if step["depends_on"]:
        yield f"   - depends on: {', '.join(number[id] for id in step['depends_on'])}"
    if step["effort_tokens"] is not None:
        yield f"   - effort: {step['effort_tokens']} tokens"
    for label, name in (("check", "check"), ("on failure", "on_failure"), ("action", "action")):
        is_goal = name == "action" and step[name] == step["goal"] and ACTION.fullmatch(step["goal"])
        if step[name] and not is_goal:
            yield f"   - {label}: {step[name]}"


def _read(text: str) -> dict[str, Any]:
    """The plan as written: strategy, rejected and a list of raw steps."""
    if (value := json_value(text)) is not None:
        plan = {"steps": value} if isinstance(value, list) else value
        rejected = plan.get("rejected_strategies", plan.get("rejected")) or []
        rejected = rejected if isinstance(rejected, list) else [rejected]
        return {"strategy": plan.get("strategy"), "rejected": rejected, "steps": plan.get("steps")}
    lines = [line for line in text.expandtabs(4).splitlines() if not line.lstrip().startswith("```")]
    labelled = [match for line in lines if (match := HEAD.fullmatch(line))]
    body = [line for line in lines if not HEAD.fullmatch(line)]
    said = {name: [m["value"] for m in labelled if m["label"].lower() == name] for name in ("strategy", "rejected")}
    actions = [line.strip() for line in body if line.strip()]
    is_actions = bool(actions) and all(ACTION.fullmatch(line) for line in actions)
    steps = [{"goal": action} for action in actions] if is_actions else list(_items(body))
    return {"strategy": said["strategy"] or None, "rejected": said["rejected"], "steps": steps}


def json_value(text: str) -> dict[str, Any] | list[Any] | None:
    """The object or list that a text is, or that its last fenced block is; None where it is neither."""
    for candidate in (text, *FENCED.findall(text)[-1:]):
        try:
            value = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict | list):
            return value
    return None


def _items(lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The items of the one Markdown list; bullets are items only where nothing is numbered."""
    pattern = NUMBERED if any(map(NUMBERED.fullmatch, lines)) else BULLETED
    found = [(i, match) for i, line in enumerate(lines) if (match := pattern.fullmatch(line))]
    level = min((len(match["indent"]) for _, match in found), default=0)
    items = [(i, match) for i, match in found if len(match["indent"]) < level + 2]
    numbers = [int(match["number"] or i) for i, match in items]
    if any(number < before for before, number in pairwise(numbers)):
        raise _Unreadable("several numbered lists")
    has_ids = pattern is NUMBERED and len(set(numbers)) == len(numbers)
    for (start, match), (end, _) in pairwise([*items, (len(lines), None)]):
        details, rest = _own_lines(lines[start + 1 : end], level)
        if rest and pattern is BULLETED and end < len(lines):
            raise _Unreadable("several bulleted lists")
        id = {"id": int(match["number"])} if match and has_ids else {}
        yield {"goal": match["goal"] if match else None, **_details(details), **id}


def _own_lines(lines: Sequence[str], level: int) -> tuple[list[str], list[str]]:
    """Lines below an item that belong to it, and the rest: from a heading, or an outdented line after a blank one."""
    for i, line in enumerate(lines):
        follows_blank = i > 0 and not lines[i - 1].strip()
        is_inside = len(line) - len(line.lstrip()) > level or BULLETED.fullmatch(line)
        if line.startswith("#") or (line.strip() and follows_blank and not is_inside):
            return list(lines[:i]), list(lines[i:])
    return list(lines), []


def _details(lines: Sequence[str]) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for line in lines:
        match = DETAIL.fullmatch(line)
        bullet = BULLETED.fullmatch(line)
        label = match["label"].lower() if match else "how"
        found.setdefault(label, []).append(match["value"] if match else bullet["goal"] if bullet else line)
    said = {label.replace(" ", "_"): " ".join(values) for label, values in found.items()}
    depends_on = re.findall(r"[0-9]{1,4}", said.pop("depends_on", ""))
    return {**said, "depends_on": depends_on, "effort_tokens": said.pop("effort", None)}


def _steps(raw: Any) -> list[dict[str, Any]]:
    """Raw steps in canonical form, numbered from "1"."""
    if not isinstance(raw, list) or not raw:
        raise _Unreadable("no steps")
    steps = [{"goal": step} if isinstance(step, str) else step for step in raw]
    if not all(isinstance(step, dict) for step in steps):
        raise _Unreadable("a step is neither text nor an object")
    number = {_line(step.get("id")) or str(i): str(i) for i, step in enumerate(steps, 1)}
    if len(number) < len(steps):
        raise _Unreadable("two steps have one id")
    return [_step(step, str(i), number) for i, step in enumerate(steps, 1)]


def _step(raw: Mapping[str, Any], id: str, number: Mapping[str, str]) -> dict[str, Any]:
    action = _line(raw.get("action"))
    said = _line(raw.get("goal")) or action
    if said is None:
        raise _Unreadable("a step without a goal")
    goal, _, how = DASH.join(filter(None, [said, _line(raw.get("how"))])).partition(DASH)
    return {
        "id": id,
        "goal": goal,
        "how": how or None,
        "depends_on": _dependencies(raw.get("depends_on"), id, number),
        "effort_tokens": _effort(raw.get("effort_tokens")),
        "check": _line(raw.get("check")),
        "on_failure": _line(raw.get("on_failure")),
        "action": action or (goal if ACTION.fullmatch(goal) else None),
    }


def _dependencies(value: Any, id: str, number: Mapping[str, str]) -> list[str]:
    named = value if isinstance(value, list) else re.split(r"[,\s]+", _line(value) or "")
    names = [name for item in named if (name := _line(item))]
    if any(number.get(name) in (None, id) for name in names):
        raise _Unreadable("a dependency on no other step")
    return list(dict.fromkeys(number[name] for name in names))


def _effort(value: Any) -> int | None:
    """Tokens as a number; null where none can be read."""
    found = (
        re.search(r"(?<![-.0-9])[0-9]{1,10}(?![0-9])", str(value).replace(",", ""))
        if isinstance(value, int | str)
        else None
    )
    return int(found[0]) if found and int(found[0]) <= MAX_INT32 else None


def _line(value: Any) -> str | None:
    """A text on one line; null where there is none. Half surrogate pairs, which no file can hold, become U+FFFD."""
    parts = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(part, str | int | float) for part in parts):
        raise _Unreadable("an object where a text was wanted")
    text = " ".join(map(str, parts))
    return " ".join(without_surrogates(text).split()) or None

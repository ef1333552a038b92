"""Find plans in a response: runs of lines that each name a PDDL action and its objects, in PDDL or in plain words.

A line is a step where, past its number, bullet, Markdown and lead-in ("then", "Action:"), it starts with an action;
lines that mention one in passing are prose. Under a numbered step, further steps are its explanation. A list that
starts anew, a heading that announces a plan, a code fence or a [PLAN] mark begins another plan.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.pddl import Problem, Step

MAX_LINE_CHARS = 400
"""A step is named at the start of its line; the rest of a longer line is not read."""

_MARKUP = re.compile(r"[*`]+|(?<!\w)_+|_+(?!\w)|^\s*[>#]+")
_NUMBER = re.compile(r"\s*(?:[-+•]\s+)?(?:\(?(\d{1,4})[.):]+|step\s*(\d{1,4})\b[.):]*)\s*", re.IGNORECASE)
_LEAD_IN = re.compile(r"(?:\s|[-+•–—>,:]|(?:first|next|then|now|finally|lastly|and|action|step)\b)*", re.IGNORECASE)
_JOINT = re.compile(r"(?:[,;.]|->|→|\band|\bthen)\s*(?:and\s+|then\s+)*$", re.IGNORECASE)
_ASIDE = re.compile(r"[(:\[—–]|\s-\s|\b(?:because|since|so|as|which|while|where)\b", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:not|cannot|unnecessary|impossible)\b|n['’]t\b", re.IGNORECASE)
_FORM = re.compile(r"\(\s*([a-z][\w-]*)((?:[\s,]+[\w-]+)*)\s*\)", re.IGNORECASE)
_ARGUMENTS = re.compile(r"\s*\(([^()]*)\)")
_ANNOUNCES = re.compile(r"\b(?:plan|sequence|steps|actions|solution|moves|approach|answer)\b", re.IGNORECASE)
_EXPLAINS = re.compile(r"\b(?:expla\w+|why|reason\w*|because|works|verif\w+|breakdown|justif\w+)\b", re.IGNORECASE)
_FINAL = re.compile(
    r"\b(?:final|corrected|revised)\s+(?:\w+\s+)?(?:plan|answer|sequence|solution|steps|actions)\b", re.IGNORECASE
)
_MARK = re.compile(r"\[\s*(?:(PLAN)|(PLAN[ _]END|END[ _]PLAN|/PLAN))\s*\]", re.IGNORECASE)


@dataclass
class Plan:
    """Steps as they stand in the text. `intro` is the line that announced them."""

    intro: str = ""
    steps: list[Step] = field(default_factory=list)
    last_number: int | None = None
    has_headline: bool = False

    @property
    def is_final(self) -> bool:
        """The response itself calls it its final (or corrected, revised) plan."""
        return bool(_FINAL.search(self.intro))

    @property
    def is_explanation(self) -> bool:
        """The response goes through its plan again to explain it."""
        return bool(_EXPLAINS.search(self.intro)) and not self.is_final


class Reader:
    """Reads steps of one problem. `names` gives objects plain names, such as a = "red block"."""

    def __init__(self, problem: Problem, names: Mapping[str, str]) -> None:
        self.objects = frozenset(problem.objects)
        self.arity = {name: len(action.parameters) for name, action in problem.actions.items()}
        self.mentions = _spoken(names) if names else _formal(problem)
        self._mention = _any_of(self.mentions)
        self._actions = sorted(self.arity, key=len, reverse=True)
        verbs = "|".join(f"({_verb(name, self._mention.pattern)})" for name in self._actions)
        self._verb = re.compile(verbs or r"(?!)", re.IGNORECASE)

    def steps(self, line: str) -> list[Step]:
        """The steps that a line (without its number) names; empty where it is prose."""
        if forms := self._forms(line.strip()):
            return forms
        start = _LEAD_IN.match(line).end()  # type: ignore[union-attr]
        verbs = list(self._verb.finditer(line, start))
        if not verbs or verbs[0].start() != start:
            return []
        verbs = [verbs[0], *(verb for verb in verbs[1:] if _goes_on(line[start : verb.start()]))]
        ends = [verb.start() for verb in verbs[1:]] + [len(line)]
        found = [self._step(verb, line[verb.end() : end]) for verb, end in zip(verbs, ends, strict=True)]
        further = [step for step in found[1:] if step and len(step) == self.arity[step[0]] + 1]
        return [found[0], *further] if found[0] else []

    def _forms(self, line: str) -> list[Step]:
        """Steps written in PDDL, `(stack a b)`; an action that does not exist counts if its arguments do."""
        if not line.startswith("("):
            return []
        steps = [(name.lower(), *re.findall(r"[\w-]+", rest.lower())) for name, rest in _FORM.findall(line)]
        return [s for s in steps if s[0] in self.arity or (len(s) > 1 and self.objects.issuperset(s[1:]))]

    def _step(self, verb: re.Match[str], rest: str) -> Step | None:
        """One step: the objects named before any aside. None where the line denies it or names no object."""
        action = self._actions[(verb.lastindex or 1) - 1]
        if call := _ARGUMENTS.match(rest):
            words = call[1]
        else:
            aside = _ASIDE.search(rest)
            words = rest[: aside.start()] if aside else rest
        if _DENIED.search(words):
            return None
        named = [self.mentions[_plain(mention[0])] for mention in self._mention.finditer(words)]
        if not named and self.objects.issuperset(ids := re.findall(r"[\w-]+", words.lower())):
            named = ids
        named = named[: self.arity[action]] + [
            name for name in named[self.arity[action] :] if name not in named[: self.arity[action]]
        ]
        return (action, *named) if named or not self.arity[action] else None


def _goes_on(before: str) -> bool:
    """Whether a line that has said `before` goes on with another step rather than an aside."""
    return bool(_JOINT.search(before)) and not _ASIDE.search(_ARGUMENTS.sub("", before))


def _plain(name: str) -> str:
    return " ".join(re.split(r"[\s_-]+", name.lower()))


def _spoken(names: Mapping[str, str]) -> dict[str, str]:
    """Mentions of objects with plain names: the full name, or the one word of it that no other name has."""
    full = {_plain(name): key for key, name in names.items()}
    words = [word for name in full for word in set(name.split())]
    return {word: key for name, key in full.items() for word in name.split() if words.count(word) == 1} | full


def _formal(problem: Problem) -> dict[str, str]:
    """Mentions of objects that have only their PDDL names; `red-block` may be written `red block`."""
    return {_plain(name): name for name in problem.objects}


def _any_of(mentions: Mapping[str, str]) -> re.Pattern[str]:
    texts = sorted(mentions, key=len, reverse=True)
    joined = "|".join(r"[\s_-]+".join(map(re.escape, text.split())) for text in texts) or r"(?!)"
    return re.compile(rf"(?<![\w-])(?:{joined})(?![\w-])", re.IGNORECASE)


def _verb(action: str, mention: str) -> str:
    """A pattern for an action's name: `pick-up` also matches `Pick up`, `pickup` and `pick the red block up`."""
    words = [re.escape(word) for word in re.split(r"[-_]", action) if word]
    whole = r"(?<![\w-])" + r"[-_\s]*".join(words) + r"(?![\w-])"
    apart = rf"(?<![\w-]){words[0]}(?=\s+(?:the\s+)?{mention}\s+{words[-1]}(?![\w-]))"
    return f"{whole}|{apart}" if len(words) == 2 else whole


def find_plans(text: str, reader: Reader) -> list[Plan]:
    """Every plan in a text, in order: its [PLAN] blocks where it has such marks, else all runs of steps.

    Only a blank block that is closed is an empty plan; a block whose words are no steps is none.
    """
    if not (marks := list(_MARK.finditer(text))):
        return [plan for plan in _runs(text, reader) if plan.steps]
    starts = [0] + [mark.end() for mark in marks]
    ends = [mark.start() for mark in marks] + [len(text)]
    plans = []
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        is_opened, is_closed = i > 0 and bool(marks[i - 1][1]), i < len(marks) and bool(marks[i][2])
        if not is_opened and (i > 0 or not is_closed):
            continue
        steps = [step for run in _runs(text[start:end], reader) for step in run.steps]
        if steps or (is_opened and is_closed and not text[start:end].strip()):
            plans.append(Plan(_last_line(text[starts[i - 1] : ends[i - 1]]) if i else "", steps))
    return plans


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


def _runs(text: str, reader: Reader) -> list[Plan]:
    """Runs of steps, split where a list starts anew, a heading announces a plan or a code fence begins or ends."""
    plans = [Plan()]
    heading = ""
    for raw in text.splitlines():
        line = _MARKUP.sub("", raw[:MAX_LINE_CHARS])
        number_match = _NUMBER.match(line)
        number = int(number_match[1] or number_match[2]) if number_match else None
        steps = reader.steps(line[number_match.end() :] if number_match else line)
        if not steps and number is None:
            is_heading = line.rstrip().endswith(":") or raw.lstrip().startswith(("#", "**"))
            if line.strip() and not raw[:1].isspace():
                heading = line
            if raw.lstrip().startswith("```") or (is_heading and _ANNOUNCES.search(line)):
                plans.append(Plan(heading))
        elif number is not None:
            _add_numbered(plans, number, steps, heading)
        elif not plans[-1].has_headline:
            plans[-1].intro = plans[-1].intro if plans[-1].steps else heading
            plans[-1].steps += steps
    return plans


def _add_numbered(plans: list[Plan], number: int, steps: list[Step], heading: str) -> None:
    """Add a numbered line; a list that does not go on from the last number is another plan."""
    last = plans[-1].last_number
    starts_anew = bool(steps) and number == 1 and bool(plans[-1].steps) if last is None else number <= last
    if starts_anew:
        plans.append(Plan(heading))
    plan = plans[-1]
    plan.intro = plan.intro if plan.steps else heading
    plan.last_number, plan.has_headline = number, bool(steps)
    plan.steps += steps

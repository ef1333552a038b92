"""Find plans in a response: runs of lines that each name a PDDL action and its objects, in PDDL or in plain words.

A line is a step where, past its number, bullet, markup and lead-in ("then", "Action:"), it starts with an action;
lines that mention one in passing are prose. Under a numbered step, further steps are its explanation. A list that
starts anew, a heading that announces a plan, a code fence or a [PLAN] mark begins another plan. A line that takes
back the step right before it ("No, that is not allowed") removes it.
"""

import re
from dataclasses import dataclass, field

from pipeline.pddl.json_plans import lines_of_json
from pipeline.pddl.plan_lines import Reader
from pipeline.pddl.problem import Step

MAX_LINE_CHARS = 4_000
"""The rest of a longer line is not read."""

_MARKUP = re.compile(
    r"[*`]+|(?<!\w)_+|_+(?!\w)|^\s*[>#]+(?!\d)|</?(?:plan|answer|solution|output|actions?|steps?|[uo]l|li|p|b|code)>"
    r"|\\(?:item|boxed|text|texttt|mathtt)\b|\\\\$",
    re.IGNORECASE,
)
_SAME_MEANING = str.maketrans("‐‑（）［］，：；\u00a0\u3000", "--()[],:;  ", "\u200b\u200c\u200d\u2060\ufeff\u00ad")
"""Characters that look like ASCII ones, and characters that cannot be seen."""

_NUMBER = re.compile(
    r"\s*(?:[-+•]\s+)?(?:[(\[#]?(\d{1,4})(?:(?!\.\d)[.):\]]+|(?=\s*\()|\s+-\s)|(?:step|action)\s*(\d{1,4})\b[.):]*)\s*",
    re.IGNORECASE,
)
_INLINE = re.compile(
    r"\W*(?:(?:so|thus|hence|therefore|here|the|my|a|final|correct(?:ed)?|revised|valid|complete|full|optimal)\W+)*"
    r"(?:plan|answer|solution|sequence|actions|steps)\b(?:\s+of\s+actions\b)?(?:\s+(?:is|are|would\s+be)\b|\s*[:=])"
    r"[\W\d]*?(?=\()",
    re.IGNORECASE,
)
"""What introduces steps in PDDL on the same line, as in `The plan is: (pick-up a), (stack a b)`."""

_ANNOUNCES = re.compile(
    r"\b(?:plan|sequence|steps|actions|solution|moves|approach|answer|alternative(?:ly)?|attempt|option"
    r"|version|instead|again|^\W*(?:do|try)\s+this)\b",
    re.IGNORECASE,
)
_EXPLAINS = re.compile(r"\b(?:expla\w+|why|reason\w*|because|works|verif\w+|breakdown|justif\w+)\b", re.IGNORECASE)
_BARE_HEADING = re.compile(r"\s*(?:#|\*\*[^*]*\*\*\W*$)")
_FINAL = re.compile(
    r"\b(?:final|corrected|revised)\s+(?:\w+\s+)?(?:plan|answer|sequence|solution|steps|actions)\b"
    r"|\bsummary\s+of\s+(?:the\s+)?(?:plan|actions|steps|moves)\b"
    r"|\b(?:let\s+me|let['’]s|i\s+will|i['’]ll)\s+(?:fix|correct|redo|revise|rewrite|start\s+(?:over|again)|try\s+again)\b",
    re.IGNORECASE,
)
_FAILS = r"(?:not\s+(?:allowed|possible|valid|legal|right|correct)|impossible|invalid|wrong|incorrect|a\s+mistake)"
_STEP_TAKEN_BACK = re.compile(
    rf"\W*(?:(?:no|wait|oops|sorry|actually|correction|hmm|but)\b\W*)+(?:that|this|it)(?:\s+(?:step|action|move))?"
    rf"(?:\s+(?:is|was)|['’]s|\s+would\s+be)\s+{_FAILS}\b",
    re.IGNORECASE,
)
_PLAN_TAKEN_BACK = re.compile(
    r"\b(?:this|that)\s+(?:plan|solution|sequence)\s+(?:(?:will\s+not|won['’]t|would\s+not|wouldn['’]t|does\s+not"
    rf"|doesn['’]t)\s+(?:work|(?:achieve|reach)\s+the\s+goal)|(?:is|was)\s+{_FAILS}|(?:isn|wasn)['’]t\s+(?:valid|possible|allowed|correct))\b",
    re.IGNORECASE,
)
_MARK = re.compile(r"\[\s*(?:(PLAN)|(PLAN[ _]END|END[ _]PLAN|/PLAN))\s*\]", re.IGNORECASE)


@dataclass
class Plan:
    """Steps as they stand in the text. `intro` is the line that announced them.

    `is_taken_back`: the response says so behind it. `unread`: a line of its list that may be a step in other words.
    `goes_on`: it stands below an explanation, and so is the rest of the plan before unless it repeats a step of it.
    """

    intro: str = ""
    steps: list[Step] = field(default_factory=list)
    last_number: int | None = None
    has_headline: bool = False
    is_taken_back: bool = False
    unread: str | None = None
    goes_on: bool = False

    @property
    def is_final(self) -> bool:
        """The response itself calls it its final (or corrected, revised) plan."""
        return bool(_FINAL.search(self.intro))

    @property
    def is_explanation(self) -> bool:
        """The response goes through its plan again to explain it."""
        return (self.goes_on or bool(_EXPLAINS.search(self.intro))) and not self.is_final


def find_plans(text: str, reader: Reader) -> list[Plan]:
    """Every plan in a text, in order: its [PLAN] blocks where it has such marks, else all runs of steps.

    Only a blank block that is closed is an empty plan; a block whose words are no steps is none.
    """
    text = text if text.isascii() else text.translate(_SAME_MEANING)
    if not (marks := list(_MARK.finditer(text))):
        return [plan for plan in _runs(text, reader) if plan.steps]
    starts = [0] + [mark.end() for mark in marks]
    ends = [mark.start() for mark in marks] + [len(text)]
    plans = []
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        is_opened, is_closed = i > 0 and bool(marks[i - 1][1]), i < len(marks) and bool(marks[i][2])
        if not is_opened and (i > 0 or not is_closed):
            continue
        runs = _runs(text[start:end], reader)
        steps = [step for run in runs for step in run.steps]
        if steps or (is_opened and is_closed and not text[start:end].strip()):
            after = text[starts[i + 1] : ends[i + 1]] if is_closed else ""
            intro = _last_line(text[starts[i - 1] : ends[i - 1]]) if i else ""
            unread = next((run.unread for run in runs if run.unread), None)
            plans.append(Plan(intro, steps, is_taken_back=bool(_PLAN_TAKEN_BACK.search(after)), unread=unread))
    return plans


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


def _runs(text: str, reader: Reader) -> list[Plan]:
    """Runs of steps, split where a list starts anew, a heading announces a plan or a code fence begins or ends."""
    plans = [Plan()]
    heading = ""
    last: list[Step] = []
    for raw in lines_of_json(text) or text.splitlines():
        line = _MARKUP.sub("", raw[:MAX_LINE_CHARS])
        if line.lstrip().startswith("|"):
            line = _of_table(line, reader)
        number_match = _NUMBER.match(line)
        number = int(number_match[1] or number_match[2]) if number_match else None
        steps = reader.steps(line[number_match.end() :] if number_match else line, (plans[-1].steps or [()])[-1])
        if last and not steps and _STEP_TAKEN_BACK.match(line, number_match.end() if number_match else 0):
            del plans[-1].steps[-len(last) :]
        if not steps and number is None:
            heading = _read_prose(plans, raw, line, heading)
            steps = _inline(plans, line, reader)
            if not steps and not plans[-1].has_headline and reader.is_unread_action(line):
                plans[-1].unread = plans[-1].unread or line.strip()
        elif number is not None:
            _add_numbered(plans, number, steps, heading)
            if not steps and reader.is_unknown_step(line[number_match.end() :]):  # type: ignore[union-attr]
                plans[-1].unread = plans[-1].unread or line.strip()
        elif not plans[-1].has_headline:
            plans[-1].intro = plans[-1].intro if plans[-1].steps else heading
            plans[-1].steps += steps
        if steps and reader.is_choice(line[number_match.end() :] if number_match else line):
            plans[-1].unread = plans[-1].unread or line.strip()
        last = steps if line.strip() else last
    return _joined(plans)


def _is_explaining(raw: str, line: str) -> bool:
    """Whether a line is a heading above an explanation, rather than an explanation itself (`**Why:** a is clear`)."""
    return bool(_EXPLAINS.search(line)) and (line.rstrip().endswith(":") or bool(_BARE_HEADING.match(raw)))


def _joined(plans: list[Plan]) -> list[Plan]:
    """Plans in which each step has its own explanation are put together again."""
    joined: list[Plan] = []
    for plan in plans:
        if plan.goes_on and plan.steps and joined and not any(_is_told(step, joined[-1]) for step in plan.steps):
            joined[-1].steps += plan.steps
            joined[-1].unread = joined[-1].unread or plan.unread
        elif plan.steps or not plan.goes_on:
            joined.append(plan)
    return joined


def _is_told(step: Step, plan: Plan) -> bool:
    """Whether a plan has a step, which may leave objects out."""
    return any(step[0] == told[0] and set(step) <= set(told) for told in plan.steps)


def _read_prose(plans: list[Plan], raw: str, line: str, heading: str) -> str:
    """Begin another plan where a line announces one or takes the last one back; the heading from here on."""
    is_heading = line.rstrip().endswith(":") or raw.lstrip().startswith(("#", "**"))
    if line.strip() and not raw[:1].isspace():
        heading = line
    if plans[-1].steps and _PLAN_TAKEN_BACK.search(line):
        plans[-1].is_taken_back = True
        plans.append(Plan(heading))
    elif raw.lstrip().startswith("```") or (is_heading and _ANNOUNCES.search(line)):
        plans.append(Plan(heading))
    elif plans[-1].steps and plans[-1].last_number is None and _is_explaining(raw, line):
        plans.append(Plan(heading, goes_on=True))
    return heading


def _inline(plans: list[Plan], line: str, reader: Reader) -> list[Step]:
    """The steps of `Plan: (pick-up a) (stack a b)`, which are another plan."""
    intro = _INLINE.match(line)
    if intro and (steps := reader.forms(line[intro.end() :])):
        plans.append(Plan(line, list(steps)))
        return steps
    return []


def _of_table(line: str, reader: Reader) -> str:
    """A row of a table as a line: its number, and the first cell that is a step."""
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    number = f"{cells.pop(0)}. " if cells[0].isdigit() and len(cells) > 1 else ""
    return number + next((cell for cell in cells if reader.steps(cell)), "")


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

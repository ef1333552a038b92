"""Write scripted traces down as recorded responses: one row a sample, with everything that can go wrong."""

import random
from collections.abc import Iterator
from typing import Any

from recorded_set.catalogue import Item
from recorded_set.trace import N_APPROACHES, Trace

MAX_TOKENS = 300
"""Where a truncated sample is cut. Tokens are estimated from words: nothing was tokenised."""

DECLARED = {
    "c": "correct", "d": "correct", "w": "incorrect", "t": "truncated", "h": "ambiguous", "n": "no_answer",
    "e": "generation_error",
}  # fmt: skip
"""What each kind of sample must be judged as."""

ERRORS = ("HTTP 503: the server is overloaded", "connection reset by peer", "HTTP 500: internal server error",
          "no reply within 60 s")  # fmt: skip
GIVEN_UP = (
    "",
    "I could not settle this in a way that I would stand by.",
    "Sorry, I lost track of the problem and stop here.",
)
DOUBTS = ("Wait, let me look at that in another way.", "Hmm, I am not sure. Once more, differently.",
          "That may be right, but I should double-check by other means.")  # fmt: skip


def n_tokens(*texts: str) -> int:
    """A rough count of tokens: four for three words."""
    return sum(len(text.split()) for text in texts) * 4 // 3


def solution(item: Item) -> str:
    """A worked solution with the right answer in its last line: what a source's own answer looks like."""
    rng = random.Random(f"{item.key} solution")
    trace = item.puzzle.trace(rng, rng.randrange(N_APPROACHES), is_wrong=False)
    return f"{trace.reasoning}\n#### {trace.answer}"


def rows(item: Item) -> Iterator[dict[str, Any]]:
    """The recorded samples of a prompt, in order."""
    rng = random.Random(item.key)
    offset = rng.randrange(N_APPROACHES)
    before: Trace | None = None
    for number, kind in enumerate(item.samples):
        approach = (number + offset) % N_APPROACHES
        row = {"source_key": item.key, "sample": number, "model": _model(kind, rng)}
        if kind == "d" and before is not None:
            trace = Trace(before.strategy, before.steps, f"Okay. {before.reasoning}", before.answer)
        else:
            trace = item.puzzle.trace(rng, approach, is_wrong=kind in "wn")
        if kind == "c":
            before = trace
        yield row | _said(item, kind, trace, approach, rng) | {"declared": DECLARED[kind]}


def _model(kind: str, rng: random.Random) -> str:
    """The weak one is more often wrong; both make every kind of mistake."""
    is_strong = rng.random() < (0.75 if kind in "cd" else 0.25)
    return "scripted-strong" if is_strong else "scripted-weak"


def _said(item: Item, kind: str, trace: Trace, approach: int, rng: random.Random) -> dict[str, Any]:
    """The columns of a sample that depend on how it ended."""
    if kind == "e":
        nothing = dict.fromkeys(("reasoning", "response", "plan", "completion_tokens"))
        return nothing | {"finish_reason": "error", "error": rng.choice(ERRORS)}
    reasoning, finish_reason = trace.reasoning, "stop"
    if kind == "t":
        reasoning, response, finish_reason = _endless(item, trace, approach, rng), "", "length"
    elif kind == "n":
        response = rng.choice(GIVEN_UP)
    elif kind == "h":
        other = item.puzzle.trace(rng, approach, is_wrong=True)
        response = _hedged(item, trace, other, rng)
    else:
        response = _final(item, trace, rng)
    tokens = MAX_TOKENS if kind == "t" else n_tokens(reasoning, response)
    said = {"reasoning": reasoning, "response": response, "plan": trace.plan}
    return said | {"completion_tokens": tokens, "finish_reason": finish_reason, "error": None}


def _endless(item: Item, trace: Trace, approach: int, rng: random.Random) -> str:
    """Reasoning that doubts itself until it is cut off."""
    parts, turn = [trace.reasoning], approach
    while n_tokens(*parts) < MAX_TOKENS:
        turn += 1
        parts += [rng.choice(DOUBTS), item.puzzle.trace(rng, turn % N_APPROACHES, is_wrong=turn % 2 == 0).reasoning]
    return " ".join(" ".join(parts).split()[: MAX_TOKENS * 3 // 4])


def _final(item: Item, trace: Trace, rng: random.Random) -> str:
    if item.family == "caretaker":
        numbered = "\n".join(f"{n}. {step}" for n, step in enumerate(trace.answer.splitlines(), 1))
        return rng.choice(
            [
                f"[PLAN]\n{trace.answer}\n[PLAN END]",
                f"The plan:\n\n{trace.answer}",
                f"```\n{trace.answer}\n```",
                numbered,
            ]
        )
    opening = rng.choice(
        [f"My way was to {trace.strategy}.", f"I decided to {trace.strategy}.", f"Approach: {trace.strategy}."]
    )
    ending = rng.choice(
        [f"The answer is {trace.answer}.", f"Answer: \\boxed{{{trace.answer}}}", f"#### {trace.answer}"]
    )
    return f"{opening}\n\n{ending}"


def _hedged(item: Item, trace: Trace, other: Trace, rng: random.Random) -> str:
    """Two answers that differ, and no word on which one counts."""
    if item.family == "caretaker":
        return f"One possible plan:\n\n{trace.answer}\n\nAnother possible plan:\n\n{other.answer}"
    return rng.choice([
        f"It is \\boxed{{{trace.answer}}}, or, counted in another way, \\boxed{{{other.answer}}}.",
        f"Either \\boxed{{{other.answer}}} or \\boxed{{{trace.answer}}}; both look fine to me.",
    ])  # fmt: skip

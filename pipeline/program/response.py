"""The code in a response: its fenced block, or all of it where it has none.

Of several blocks, the one that defines what the task asks for is the answer. Several that do, and differ, leave it
open which one the response stands by: no block is tried because it may fit.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from pipeline.thinking import split_thinking

_FENCE = re.compile(r"^([ \t]*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?)(```+|~~~+)[ \t]*([\w+#.-]*)[^\n`]*$", re.MULTILINE)
_PYTHON = re.compile(r"(?:py(?:thon)?[\d.]*)?", re.IGNORECASE)
_ANSWER = re.compile(r"^[ \t]*<answer>", re.MULTILINE | re.IGNORECASE)
_ANSWER_END = re.compile(r"</answer>", re.IGNORECASE)
_CODE = re.compile(r"^[ \t]*(?:(?:async[ \t]+)?def|class|return|import|from|for|while|if|with|try|@)\b", re.MULTILINE)
_ASSIGNMENT = re.compile(r"^[ \t]*[A-Za-z_][\w.\[\]]{0,60}[ \t]{0,4}[-+*/|&^%]?=[^=\n]", re.MULTILINE)
_SENTENCE = re.compile(r"^[A-Za-z'’]+(?:,? [A-Za-z'’]+){2}", re.MULTILINE)
_NO_SENTENCE = re.compile(r"assert|raise|not|lambda|del|global|nonlocal|yield|await")
_TAG = re.compile(r"^[ \t]*(?:</?[a-z]+>|\[/?[A-Z]+\])", re.MULTILINE)


class Code(NamedTuple):
    """What a response offers as its program."""

    text: str
    is_fenced: bool


def codes(response: str, wanted: Iterable[str]) -> list[Code]:
    r"""The different programs that a response stands by: none, one, or more where it is ambiguous.

    `wanted` are the names of which an answer defines at least one, where it consists of several blocks.

    >>> codes("Try this:\n```python\nx = 1\n```\nDone.", [])
    [Code(text='x = 1\n', is_fenced=True)]
    >>> codes("    return 1", []), codes("<think>def f(): ...</think>", [])
    ([Code(text='    return 1', is_fenced=False)], [])
    """
    _, answer = split_thinking(response)
    answer = _tagged(answer) if answer.strip() else ""
    blocks = list(dict.fromkeys(_blocks(answer)))
    if not blocks:
        return [Code(answer, False)] if answer and not _FENCE.search(answer) else []
    defines = [re.compile(rf"^(?:(?:async[ \t]+)?def|class)[ \t]+{re.escape(name)}\b", re.MULTILINE) for name in wanted]
    defining = [block for block in blocks if any(pattern.search(block) for pattern in defines)]
    return [Code(block, True) for block in defining or blocks]


def _tagged(answer: str) -> str:
    """What the last pair of answer tags holds, where there is one and it holds anything."""
    *_, last = [None, *_ANSWER.finditer(answer)]
    inside = _ANSWER_END.split(answer[last.end() :], maxsplit=1)[0] if last else ""
    return inside if inside.strip() else answer


def _blocks(answer: str) -> Iterable[str]:
    """Python's blocks, and those of no language; one that is never closed ends with the response.

    A block in a list is indented as its fence is; fences further in, as in a docstring, are its own.
    """
    opened: re.Match[str] | None = None
    for mark in _FENCE.finditer(answer):
        if opened is None:
            opened = mark
        elif mark[2].startswith(opened[2]) and not (mark[3] or mark[1].strip()) and len(mark[1]) < len(opened[1]) + 4:
            yield from _block(opened, answer[opened.end() + 1 : mark.start()])
            opened = None
    if opened:
        yield from _block(opened, answer[opened.end() + 1 :])


def _block(opened: re.Match[str], text: str) -> Iterable[str]:
    """The text behind a fence, without the fence's indentation, if it is Python and anything at all."""
    lines = [line for line in text.split("\n") if line.strip()]
    if _PYTHON.fullmatch(opened[3]) and lines:
        depth = min(len(opened[1]), *(len(line) - len(line.lstrip(" \t")) for line in lines))
        yield "\n".join(line[depth:] if line.strip() else line for line in text.split("\n")) if depth else text


def looks_like_code(text: str) -> bool:
    """Whether text that is no Python was meant to be: some line begins as code does, none as a sentence or tag does.

    >>> looks_like_code("def f(:"), looks_like_code("x = (1"), looks_like_code("I cannot help with that.")
    (True, True, False)
    """
    if not (_CODE.search(text) or _ASSIGNMENT.search(text)) or _TAG.search(text):
        return False
    sentences = (found[0] for found in _SENTENCE.finditer(text))
    return all(_CODE.match(one) or _NO_SENTENCE.match(one) for one in sentences)

"""The code in a response: its fenced block, or all of it where it has none.

Of several blocks, the one that defines what the task asks for is the answer. Several that do, and differ, leave it
open which one the response stands by: no block is tried because it may fit.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from pipeline.thinking import split_thinking

_FENCE = re.compile(r"^[ ]{0,3}(```+|~~~+)[ \t]*([\w+#.-]*)[^\n`]*$", re.MULTILINE)
_PYTHON = frozenset({"", "python", "py", "python3", "py3"})
_CODE = re.compile(r"^[ \t]*(?:(?:async[ \t]+)?def|class|return|import|from|for|while|if|with|try|@)\b", re.MULTILINE)
_ASSIGNMENT = re.compile(r"^[ \t]*[A-Za-z_][\w.\[\]]{0,60}[ \t]{0,4}[-+*/|&^%]?=[^=\n]", re.MULTILINE)


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
    answer = answer if answer.strip() else ""
    blocks = list(dict.fromkeys(_blocks(answer)))
    if not blocks:
        return [Code(answer, False)] if answer and not _FENCE.search(answer) else []
    defines = [re.compile(rf"^(?:(?:async[ \t]+)?def|class)[ \t]+{re.escape(name)}\b", re.MULTILINE) for name in wanted]
    defining = [block for block in blocks if any(pattern.search(block) for pattern in defines)]
    return [Code(block, True) for block in defining or blocks]


def _blocks(answer: str) -> Iterable[str]:
    """Python's blocks, and those of no language; one that is never closed ends with the response."""
    opened: re.Match[str] | None = None
    for mark in _FENCE.finditer(answer):
        if opened is None:
            opened = mark
        elif mark[1].startswith(opened[1]) and not mark[2]:
            if opened[2].lower() in _PYTHON and (block := answer[opened.end() + 1 : mark.start()]).strip():
                yield block
            opened = None
    if opened and opened[2].lower() in _PYTHON and (block := answer[opened.end() + 1 :]).strip():
        yield block


def looks_like_code(text: str) -> bool:
    """Whether text that is no Python was at least meant to be: some line of it begins as code does.

    >>> looks_like_code("def f(:"), looks_like_code("x = (1"), looks_like_code("I cannot help with that.")
    (True, True, False)
    """
    return bool(_CODE.search(text) or _ASSIGNMENT.search(text))

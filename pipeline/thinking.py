"""Split raw `<think>` blocks off a response: reasoning is kept apart from the answer."""

import re

_BLOCK = re.compile(r"<think(?:ing)?>(.*?)(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_END = re.compile(r"</think(?:ing)?>", re.IGNORECASE)


def split_thinking(text: str) -> tuple[str | None, str]:
    """(reasoning, answer) of a response; reasoning is None where there is none.

    Thinking that never ends leaves no answer. A closing tag alone ends thinking that the prompt began. Text without
    any tag is the answer, unchanged.

    >>> split_thinking("<think>1 + 1</think>\\n\\n2")
    ('1 + 1', '2')
    >>> split_thinking("1 + 1</think>2"), split_thinking("<think>1 +"), split_thinking(" 2")
    (('1 + 1', '2'), ('1 +', ''), (None, ' 2'))
    """
    thoughts = _BLOCK.findall(text)
    *before, answer = _END.split(_BLOCK.sub("", text))
    if not thoughts and not before:
        return None, text
    reasoning = "\n\n".join(part.strip() for part in [*before, *thoughts] if part.strip())
    return reasoning or None, answer.strip()


def thinking_spans(text: str) -> list[tuple[int, int]]:
    """Where the thinking of a response stands, tags left out: (start, end) in characters, as `split_thinking` reads it.

    >>> thinking_spans("<think>1 + 1</think>2"), thinking_spans("1 + 1</think>2"), thinking_spans("2")
    ([(7, 12)], [(0, 5)], [])
    """
    alone = [end.start() for end in _END.finditer(_BLOCK.sub(lambda block: " " * len(block[0]), text))]
    begun = [(0, alone[-1])] if alone else []
    return begun + [block.span(1) for block in _BLOCK.finditer(text) if not alone or block.start() > alone[-1]]

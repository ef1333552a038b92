"""The query language of the search box: Elasticsearch's `simple_query_string`, as a tree.

| written | means |
|---|---|
| `some words` or `some + words` | both |
| `some \\| words` | either |
| `-word` | not the word; two minus signs are none |
| `"some words"` | the words beside each other, in this order |
| `"some words"~3` | near each other, with at most three others in between |
| `wor*` | words that begin so |
| `word~1`, `word~` | words at an edit distance of at most 1, or 2 |
| `( )` | what belongs together |
| `\\` | the next character is no operator |
| `*` alone | everything |

Operators bind from left to right, none more than another: `a b | c` is `(a b) | c`, and `a | b c` is `(a | b) c`. No
text is an error: what cannot be an operator where it stands is passed over, and what holds no word asks for nothing.
"""

from .query_tree import Everything, Group, Near, Node, Not, Operator, Phrase, Prefix, Words
from .words import words

MAX_CLAUSES = 1024
"""Words and phrases of a query; Elasticsearch refuses more."""

MAX_DEPTH = 48
"""Operators and parentheses in each other; the parser of SQLite has room for about 100."""

MAX_EDITS = 2

ENDS_A_WORD = frozenset('"|+() \t\n\r')


class TooLarge(ValueError):
    """A query with more clauses or more depth than the index answers."""


def parsed(text: str) -> Node | None:
    """The tree of a query; None where it holds no word, so that nothing can match.

    Raises TooLarge.
    """
    if text.strip() == "*":
        return Everything()
    return _Parser(text).group(0, len(text), 0)


class _Tree:
    """What was found so far in one pair of parentheses."""

    def __init__(self) -> None:
        self.top: Node | None = None
        self.depth = 0
        self.negated = False
        self._next: Operator | None = None
        self._last: Operator | None = None

    def join_by(self, operator: Operator) -> None:
        """The next part is joined by this, unless an operator is already waiting or there is nothing to join."""
        if self._next is None and self.top is not None:
            self._next = operator

    def forget_operator(self) -> None:
        self._next = None

    def add(self, part: Node | None) -> None:
        """One more part; None (it had no word) changes nothing, and the operator before it waits for the next part."""
        if part is None:
            return
        if self.negated:
            part = Not(part)
        if self.top is None:
            self.top = part
        else:
            operator = self._next or Operator.ALL
            if isinstance(self.top, Group) and self._last is operator:
                self.top = Group(operator, (*self.top.parts, part))
            else:
                self.top = Group(operator, (self.top, part))
                self.depth += 1
            self._last = operator
        self._next = None


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._closing = _closing_parentheses(text)
        self._n_clauses = 0

    def group(self, i: int, end: int, depth: int) -> Node | None:
        """The tree of a part of the text that stands `depth` levels deep."""
        tree = _Tree()
        _check_depth(depth)
        while i < end:
            char = self._text[i]
            if char == "-":
                tree.negated = not tree.negated
                i += 1
                continue
            if char == "(":
                i = self._parentheses(tree, i, depth)
            elif char == '"':
                i = self._phrase(tree, i, end)
            elif char in "|+":
                tree.join_by(Operator.ANY if char == "|" else Operator.ALL)
                i += 1
            elif char in ENDS_A_WORD:
                i += 1
            else:
                i = self._word(tree, i, end)
            tree.negated = False
            _check_depth(depth + tree.depth)
        return tree.top

    def _parentheses(self, tree: _Tree, i: int, depth: int) -> int:
        close = self._closing.get(i)
        if close is None:
            return i + 1
        if close == i + 1:
            tree.forget_operator()
        else:
            tree.add(self.group(i + 1, close, depth + tree.depth + 1))
        return close + 1

    def _phrase(self, tree: _Tree, i: int, end: int) -> int:
        text, close = self._until_quote(i + 1, end)
        if close == end:
            return i + 1
        if close == i + 1:
            tree.forget_operator()
            return close + 1
        slop, after = self._distance(close + 1, end)
        found = tuple(words(text))
        tree.add(self._clause(Phrase(found, slop)) if found else None)
        return after

    def _until_quote(self, i: int, end: int) -> tuple[str, int]:
        """The text up to the next quotation mark, and where that is (`end` where there is none)."""
        chars: list[str] = []
        while i < end and self._text[i] != '"':
            if self._text[i] == "\\" and i + 1 < end:
                i += 1
            chars.append(self._text[i])
            i += 1
        return "".join(chars), i

    def _word(self, tree: _Tree, i: int, end: int) -> int:
        chars: list[str] = []
        is_prefix = False
        while i < end and self._text[i] not in ENDS_A_WORD and not (chars and self._text[i] == "~"):
            is_escaped = self._text[i] == "\\"
            i += is_escaped
            if i < end:
                is_prefix = bool(chars) and not is_escaped and self._text[i] == "*"
                chars.append(self._text[i])
                i += 1
        edits, after = self._distance(i, end)
        text = "".join(chars)
        if edits:
            tree.add(self._clause(Near(text.lower(), min(edits, MAX_EDITS))))
        elif is_prefix and after == i:
            tree.add(self._clause(Prefix(text[:-1].lower())))
        elif found := tuple(words(text)):
            tree.add(self._clause(Words(found)))
        return after

    def _distance(self, i: int, end: int) -> tuple[int, int]:
        """The number after a `~` at `i` (2 where none is written, 0 where it is no number), and where it ends."""
        if i >= end or self._text[i] != "~":
            return 0, i
        start = i = i + 1
        while i < end and self._text[i] not in ENDS_A_WORD:
            i += 1
        written = self._text[start:i]
        if not written:
            return MAX_EDITS, i
        return (min(int(written), 1000) if written.isascii() and written.isdigit() and len(written) < 10 else 0), i

    def _clause(self, part: Node) -> Node:
        self._n_clauses += 1
        if self._n_clauses > MAX_CLAUSES:
            raise TooLarge(f"the query has more than {MAX_CLAUSES} words and phrases")
        return part


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise TooLarge(f"the query is nested more than {MAX_DEPTH} deep")


def _closing_parentheses(text: str) -> dict[int, int]:
    """Where each parenthesis that opens and has a partner is closed."""
    opened: list[int] = []
    closing: dict[int, int] = {}
    i = 0
    while i < len(text):
        if text[i] == "\\":
            i += 1
        elif text[i] == "(":
            opened.append(i)
        elif text[i] == ")" and opened:
            closing[opened.pop()] = i
        i += 1
    return closing

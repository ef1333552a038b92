r"""Equations of numbers and names as they stand in prose, `Then A - B = 3 - (-4) = 7.`; evaluated without `eval`.

Values are exact. Covers: whole numbers and decimals, signs anywhere, + - * / and small powers, all brackets, products
such as `3(4 + 1)` and names of one letter. Cost is bounded: by the length of an expression, its depth and the size of
its values.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple

MAX_TOKENS = 1_000
"""Tokens of one expression."""
MAX_DEPTH = 40
MAX_NEIGHBOURS = 20
MAX_BITS = 4_096
"""Size of a value; a greater one is not computed."""
MAX_EXPONENT = 100
MAX_DIGITS = 1_000

_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?)|(?P<equals>=)"
    r"|(?P<sign>\*\*|[-+*/^])|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<name>[A-Za-z](?:_?[0-9])?(?![\w'’]))"
    r"|(?P<word>[^\W_]+)|(?P<strange>(?<=[0-9)]):(?=[0-9(])|(?<=[0-9)] ):(?= [0-9(])"
    r"|[%!°√∑∏²³<>≤≥≠≈~|&]|\\[A-Za-z]+)|(?P<other>\S)"
)
_PARTS = frozenset(("number", "equals", "sign", "open", "close", "name", "strange"))
_SYMBOLS = {"−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "÷": "/", "\\times": "*", "\\cdot": "*", "\\div": "/"}
_SYMBOL = re.compile("|".join(map(re.escape, _SYMBOLS)))
_SIGN_OF_TIMES = re.compile(r"(?<=[\d)\]}\s])[xX](?=\s*[-(\[{]?\s*\d)|(?<=[)\]}])\s*[xX]\s*(?=[(\[{])")
_UNSEEN = re.compile(
    r"[$`\"“”]|&(?=\s*=)|(?<![\d)\]])\*\*(?=\S)|(?<=\S)\*\*(?!\s*[\d(-])|\\left\b|\\right\b|\\[()\[\],;! ]"
)
"""Markup: `**` is bold unless it stands between two numbers or brackets."""

_LEADS = frozenset(
    """is are was be get gets got gives give equals equal to so thus then calculate compute calculating computing
    evaluate therefore hence now and we have with of from becomes become simplify simplifies where that as first next
    finally which means write rewrite or has by solve value""".split()  # noqa: SIM905 - a list of one word a line is no clearer
)
"""Words before an expression. Another one may be a part of it: `apples - 4 = 9`, `9 apples less 5 = 4`."""


_UNARY = re.compile(r"(^|\(|[-+*/^] )- ")
_SIGNS = frozenset("+-*/^")


class Unreadable(ValueError):
    """An expression that is malformed, names what has no value, or would be too large to evaluate."""


class TooLarge(Unreadable):
    """An expression that is too long, too deep or has values too large to be evaluated."""


class Part(NamedTuple):
    """One side of an equation, as tokens."""

    tokens: tuple[str, ...]

    def __str__(self) -> str:
        return _UNARY.sub(r"\1-", " ".join(self.tokens).replace("( ", "(").replace(" )", ")"))

    @property
    def name(self) -> str | None:
        """The name, where it is nothing else."""
        return self.tokens[0] if len(self.tokens) == 1 and self.tokens[0][0].isalpha() else None

    @property
    def names(self) -> frozenset[str]:
        """All names in it."""
        return frozenset(token for token in self.tokens if token[0].isalpha())


def chains(line: str) -> Iterator[list[Part]]:
    """Each `a = b = c` of a line as [a, b, c], and each expression in names that stands alone as [a].

    What a word cuts off (`3 apples + 4 = 7`) comes with an empty part, which has no value; a word that is called equal
    to something (`Total = 3 + 4 = 7`) is left out.

    >>> [[str(part) for part in chain] for chain in chains("Let A = (3 + 4) = 7, so A - 2 is 5.")]
    [['A', '(3 + 4)', '7'], ['A - 2']]
    """
    run: list[str] = []
    before = first = ""
    follows_number = False
    for kind, token in [*_tokens(line), ("other", "")]:
        if kind in _PARTS:
            first = first if run else before
            run.append(token)
            continue
        yield from _chain(run, first, follows_number)
        follows_number = kind == "word" and (follows_number or any(item[0].isdigit() for item in run))
        run, before = [], token


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    text = _SYMBOL.sub(lambda match: _SYMBOLS[match[0]], _UNSEEN.sub(" ", text))
    for match in _TOKEN.finditer(_SIGN_OF_TIMES.sub("*", text)):
        kind = match.lastgroup or "other"
        token = {"open": "(", "close": ")"}.get(kind, match[0])
        yield kind, "^" if token == "**" else token


def _chain(run: list[str], before: str, follows_number: bool) -> Iterator[list[Part]]:
    """The chain in a run of tokens that stands behind a word or mark; nothing where it claims nothing."""
    while run and run[-1] == "=":
        run.pop()
    if "=" not in run:
        run = _without_words(run)
        if any(token in _SIGNS for token in run[1:]) and any(token[0].isalpha() for token in run):
            yield [Part(tuple(run))]
        return
    parts: list[list[str]] = [[]]
    for token in run:
        if token == "=":
            parts.append([])
        else:
            parts[-1].append(token)
    parts[0] = _without_words(parts[0])
    is_behind_word = before.isalpha() and before.lower() not in _LEADS
    if is_behind_word and (follows_number or (parts[0][:1] and parts[0][0] in _SIGNS)):
        parts[0] = []
    is_named = not parts[0] and before.isalpha() and run[0] == "=" and not follows_number
    yield [Part(tuple(part)) for part in (parts[1:] if is_named else parts)]


def _without_words(run: list[str]) -> list[str]:
    """A run without letters in front that are words there (`a (3 + 4)`)."""
    start = 0
    while start < len(run) - 1 and run[start][0].isalpha() and (run[start + 1][0].isalnum() or run[start + 1] == "("):
        start += 1
    return run[start:]


def tokens_of(text: str) -> tuple[str, ...]:
    """The tokens of a text that is one expression, perhaps with `=` behind it; Unreadable where it is more."""
    found = list(_tokens(text[: MAX_TOKENS * 20]))
    while found and found[-1][1] in ("=", "?"):
        found.pop()
    if any(kind not in _PARTS or kind == "equals" for kind, _ in found):
        raise Unreadable("not one expression")
    return tuple(token for _, token in found)


def evaluate(tokens: Sequence[str], names: Mapping[str, Fraction] | None = None) -> Fraction:
    """The value of an expression; raises Unreadable.

    >>> evaluate(tokens_of("2 - -3 * (4 + 1)"))
    Fraction(17, 1)
    """
    return _evaluated(_Evaluation(tokens, names or {}, is_searched=False))


def closed(tokens: Sequence[str]) -> tuple[str, ...]:
    """An expression whose brackets fit: those missing at its end are added, and those that close nothing left out.

    >>> " ".join(closed(tokens_of("((3 + 4) * 2")))
    '( ( 3 + 4 ) * 2 )'
    """
    found, depth = [], 0
    for token in tokens:
        depth += (token == "(") - (token == ")")
        if depth >= 0:
            found.append(token)
        depth = max(depth, 0)
    return (*found, *[")"] * depth)


def values_within(tokens: Sequence[str]) -> frozenset[Fraction]:
    """The values of all parts of an expression: its numbers, brackets, and neighbouring terms and factors."""
    evaluation = _Evaluation(tokens, {}, is_searched=True)
    _evaluated(evaluation)
    return frozenset(evaluation.found)


class _Evaluation:
    """Recursive descent that evaluates as it goes; `found` collects the values of parts."""

    def __init__(self, tokens: Sequence[str], names: Mapping[str, Fraction], is_searched: bool) -> None:
        self.tokens, self.names, self.is_searched = tokens, names, is_searched
        self.place = 0
        self.found: set[Fraction] = set()

    def sum_of_terms(self, depth: int) -> Fraction:
        """The value from here to a bracket that closes, or to what does not fit."""
        if depth > MAX_DEPTH:
            raise TooLarge("nested too deeply")
        terms = [self._product(depth)]
        while self._next() in ("+", "-"):
            is_minus = self._take() == "-"
            term = self._product(depth)
            terms.append(-term if is_minus else term)
        self._find(terms, operator.add)
        value = terms[0]
        for term in terms[1:]:
            value = _bounded(value + term)
        return value

    def _product(self, depth: int) -> Fraction:
        factors = [self._signed(depth)]
        while self._next() in ("*", "/") or self._is_multiplied():
            is_divided = self._next() == "/"
            self.place += self._next() in ("*", "/")
            factor = self._signed(depth)
            if is_divided and not factor:
                raise Unreadable("division by zero")
            factors.append(1 / factor if is_divided else factor)
        self._find(factors, operator.mul)
        value = factors[0]
        for factor in factors[1:]:
            value = _bounded(value * factor)
        return value

    def _signed(self, depth: int) -> Fraction:
        n_minus = 0
        while self._next() in ("+", "-"):
            n_minus += self._take() == "-"
        value = self._power(depth)
        return -value if n_minus % 2 else value

    def _power(self, depth: int) -> Fraction:
        value = self._factor(depth)
        if self._next() != "^":
            return value
        self.place += 1
        exponent = self._signed(depth + 1) if depth < MAX_DEPTH else Fraction(MAX_EXPONENT + 1)
        if exponent.denominator != 1 or abs(exponent) > MAX_EXPONENT or (not value and exponent < 0):
            raise Unreadable("a power that is not computed")
        if _bits(value) * abs(exponent) > MAX_BITS:
            raise TooLarge("too large")
        return Fraction(value ** int(exponent))

    def _factor(self, depth: int) -> Fraction:
        token = self._take()
        if token[:1].isdigit():
            if len(token) > MAX_DIGITS:
                raise TooLarge("a number of too many digits")
            return Fraction(int(token)) if token.isdigit() else Fraction(token.replace(",", ""))
        if token in self.names:
            return self.names[token]
        if token != "(":
            raise Unreadable(f"{token!r} has no value" if token else "it ends too early")
        value = self.sum_of_terms(depth + 1)
        if self._take() != ")":
            raise Unreadable("a bracket is missing")
        return value

    def _is_multiplied(self) -> bool:
        """Whether a bracket opens right behind a number or a bracket."""
        return self._next() == "(" and (self.tokens[self.place - 1] == ")" or self.tokens[self.place - 1][0].isdigit())

    def _find(self, values: list[Fraction], combine: Callable[[Fraction, Fraction], Fraction]) -> None:
        """Note the value of each run of neighbours, of the first few."""
        for start in range(min(len(values), MAX_NEIGHBOURS) if self.is_searched else 0):
            self.found.update(map(_bounded, accumulate(values[start : start + MAX_NEIGHBOURS], combine)))

    def _next(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def _take(self) -> str:
        token = self._next()
        self.place += 1
        return token


def _evaluated(evaluation: _Evaluation) -> Fraction:
    """The value of all of its tokens."""
    if len(evaluation.tokens) > MAX_TOKENS:
        raise TooLarge("too long")
    value = evaluation.sum_of_terms(0)
    if evaluation.place < len(evaluation.tokens):
        raise Unreadable(f"{evaluation.tokens[evaluation.place]!r} does not fit")
    return value


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _bounded(value: Fraction) -> Fraction:
    if _bits(value) > MAX_BITS:
        raise TooLarge("too large")
    return value

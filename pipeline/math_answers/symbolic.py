r"""Compare expressions with math-verify, and check what it says on numbers; for a worker process, where it may hang.

math-verify takes a name apart into letters, loses small differences and units, and calls what it could not compare
different. So its word counts only beside evidence: expressions that differ must differ at some point, and expressions
that are equal at none differ (docs/math.md lists what was found).
"""

import re
from typing import Any

DIGITS = 40
"""Digits of an evaluation."""
SAME = 1e-30
"""Largest relative difference of what is equal."""
ROUNDED = 1e-6
"""The same for a number of which one side is a decimal: math-verify compares to six places, which says less."""
TINY = 1e-90
"""What is smaller is what rounding has left of zero."""
POINTS = (("0.7310585", "1.3862943"), ("2.2360679", "-0.5772156"), ("-1.6180339", "3.3166247"))
"""Where the variables are put: the first, third, ... at multiples of one number, the others of the other."""

FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What sympy raises at expressions that it cannot evaluate."""

_FUNCTION = r"pi|arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|log|ln|exp|theta|alpha|beta"
_AS_LATEX = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\*\*", "^"),
        (r"\\sqrt\[([357])\]\{-([^{}+-]*)\}", r"(-\\sqrt[\1]{\2})"),
        (r"(?<![A-Za-z\\])sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
        (r"\^\(([^()]*)\)", r"^{\1}"),
        (r"\*", r"\\cdot "),
        (rf"(?<![A-Za-z\\])({_FUNCTION})(?![A-Za-z])", r"\\\1 "),
    )
]
"""Signs and names of programs, and the LaTeX of them."""
_DEGREES = re.compile(r"([0-9.]+)\s*(?:\^\s*\{?\s*\\circ\s*\}?|°)")
_TRIGONOMETRY = re.compile(r"(?:sin|cos|tan|cot|sec|csc)(?![a-z])")
_LETTERS = re.compile(r"\\(?:text\w*|mathrm|begin|end)\s*\{[^{}]*\}|\\[A-Za-z]+|[A-Za-z]")


def compare(gold: str, answer: str, tolerance: float) -> bool | str | None:
    """Whether two expressions are equal; None where one cannot be read, or nothing can be told of them.

    What sympy raises, for want of memory too, is told in words: it is no difference.
    """
    try:
        return _compared(gold, answer, tolerance)
    except FAILURES as error:
        return f"{type(error).__name__}: {error}"[:200]


def _compared(gold: str, answer: str, tolerance: float) -> bool | None:
    from math_verify import verify
    from sympy import Expr  # type: ignore[import-untyped]

    capitals = _capitals(gold) | _capitals(answer)
    wanted, found = _parsed(gold, capitals), _parsed(answer, capitals)
    if wanted is None or found is None:
        return None
    apart = _difference(wanted, found)
    if apart is not None and (tolerance or apart <= SAME or apart > ROUNDED):
        return bool(apart <= max(tolerance, SAME))
    is_claimed = verify(wanted, found, timeout_seconds=None, raise_on_error=True, allow_set_relation_comp=True)
    if apart is not None:
        return bool(is_claimed)
    if is_claimed:
        return True
    _evaluate_numbers(wanted, found)
    return None if isinstance(wanted, Expr) and isinstance(found, Expr) else False


def _evaluate_numbers(*sides: Any) -> None:
    """Raise what evaluating any number in them raises: math-verify hides it, and says that they differ."""
    from sympy import Basic, Expr, N, preorder_traversal

    for side in sides:
        for part in preorder_traversal(side) if isinstance(side, Basic) else ():
            if isinstance(part, Expr) and part.is_number:
                N(part)


def _difference(one: Any, other: Any) -> float | None:
    """The largest relative difference of two expressions, with their variables at the points; None without values."""
    from sympy import Expr, I, N, Rational

    if not (isinstance(one, Expr) and isinstance(other, Expr)):
        return None
    variables = sorted(one.free_symbols | other.free_symbols, key=str)
    found = []
    for point in POINTS if variables else POINTS[:1]:
        at = {v: I if str(v) == "i" else Rational(point[n % 2]) * (n // 2 + 1) for n, v in enumerate(variables)}
        values = [N(side.subs(at), DIGITS) for side in (one, other)]
        if all(value.is_number and value.is_finite for value in values):
            sizes = [abs(value) for value in (*values, values[0] - values[1])]
            found.append(float(sizes[2] / max(*sizes[:2], TINY)))
    return max(found) if len(found) >= min(2, len(variables) + 1) else None


def _parsed(text: str, capitals: frozenset[str]) -> Any:
    """A text as sympy has it, where some capitals are no small letters; None where it cannot be read."""
    from math_verify import parse
    from math_verify.parser import LatexExtractionConfig

    text = _LETTERS.sub(lambda match: f"{{{match[0]}_{{9}}}}" if match[0] in capitals else match[0], text)
    if _TRIGONOMETRY.search(text):
        text = _DEGREES.sub(r"{(\\frac{\1\\pi}{180})}", text)
    for pattern, latex in _AS_LATEX:
        text = pattern.sub(latex, text)
    read = parse(f"\\boxed{{{text}}}", [LatexExtractionConfig()], fallback_mode="no_fallback", parsing_timeout=None)
    return read[0] if read else None


def _capitals(text: str) -> frozenset[str]:
    """Capitals that stand beside the same small letter: math-verify reads both as one."""
    letters = {match[0] for match in _LETTERS.finditer(text)}
    return frozenset(letter for letter in letters if letter.isupper() and letter.lower() in letters)


def warm() -> None:
    """Pay for the imports, and for the first parse, before any comparison is timed."""
    import logging

    logging.disable(logging.WARNING)
    compare("x^2", "\\frac{1}{2}", 0.0)

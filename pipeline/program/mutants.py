"""Programs that are wrong though they are almost right: one change to a program that passes.

Some changes make no difference (`i < n` and `i <= n` where i is never n): what passes all the same is counted by the
audit, and says as much about the tests as about the verifier.
"""

import ast
import copy
from collections.abc import Iterator
from typing import NamedTuple

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult, ast.Mod: ast.Add,
}  # fmt: skip


class Mutant(NamedTuple):
    """A changed program and what was changed in it."""

    kind: str
    text: str


def mutants(program: str, first_line: int = 1) -> Iterator[Mutant]:
    """Each program that one change from `first_line` on makes of one that can be read; none of one that cannot.

    >>> [mutant.text for mutant in mutants("y = x < 1")]
    ['y = x <= 1', 'y = x < 2']
    """
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError, RecursionError):
        return
    for place, node in enumerate(ast.walk(tree)):
        for kind in _kinds(node) if getattr(node, "lineno", 0) >= first_line else ():
            changed = copy.deepcopy(tree)
            _change(changed, list(ast.walk(changed))[place], kind)
            yield Mutant(kind, ast.unparse(ast.fix_missing_locations(changed)))


def _kinds(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        yield "other_comparison"
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield "other_operator"
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield "constant_off_by_one"
    elif isinstance(node, ast.Return) and node.value is not None:
        yield "no_return"


def _change(tree: ast.AST, node: ast.AST, kind: str) -> None:
    if isinstance(node, ast.Compare):
        node.ops[0] = COMPARISONS[type(node.ops[0])]()
    elif isinstance(node, ast.BinOp):
        node.op = OPERATORS[type(node.op)]()
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        node.value += 1
    elif isinstance(node, ast.Return) and node.value is not None:
        _replace(tree, node, ast.Expr(node.value))


def _replace(tree: ast.AST, old: ast.stmt, new: ast.stmt) -> None:
    for node in ast.walk(tree):
        for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            if isinstance(body, list) and old in body:
                body[body.index(old)] = new

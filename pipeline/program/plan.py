"""What a task's tests need: the names that the program must define, and what of the prefix is theirs.

The prefix is trusted: functions that are complete in it, its imports and its values run with the tests. The function
that it begins, and its classes, are the program's.
"""

import ast
import builtins
import symtable
import sys
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.program.assembly import is_empty


class Plan(NamedTuple):
    """How the tests of a task are run."""

    prefix: str
    tests: tuple[str, ...]
    is_list: bool
    """Whether each text is one test; else the statements of the one text are."""
    entry_point: str
    completes: str
    """The function that the prefix begins and the response completes, or empty."""
    trusted: str
    """The part of the prefix that runs with the tests."""
    names: tuple[str, ...]
    """What the tests use and the program must define."""
    classes: tuple[str, ...]
    """Those of the names that are used as classes."""
    modules: tuple[str, ...]
    """Standard modules that the tests use without an import."""
    uncalled: tuple[str, ...]
    """Functions that the tests define and never name again."""


def plan_of(prefix: str, tests: str | tuple[str, ...], entry_point: str) -> Plan:
    """Read the trusted texts of a task. Raises ValueError where the tests are no Python, or test nothing."""
    texts = (tests,) if isinstance(tests, str) else tests
    trees = [ast.parse(one) for one in texts]
    begun = _prefix_tree(prefix)
    completes = _completes(begun, entry_point)
    kept = [node for node in begun.body if not isinstance(node, ast.ClassDef) and not is_empty(node)]
    trusted = ast.unparse(ast.Module(body=kept, type_ignores=[]))
    own = _bound(trusted) - {entry_point, completes}
    free = _free((trusted, *texts), entry_point) - own
    called_on = {name for tree in trees for node in ast.walk(tree) if (name := _named_owner(node))}
    modules = {name for name in free & called_on if name in sys.stdlib_module_names and name != entry_point}
    names = free - modules | ({entry_point} - {""})
    classes = {node.name for node in begun.body if isinstance(node, ast.ClassDef)}
    return Plan(
        prefix=prefix,
        tests=texts,
        is_list=not isinstance(tests, str),
        entry_point=entry_point,
        completes=completes,
        trusted=trusted,
        names=tuple(sorted(names)),
        classes=tuple(sorted(name for name in names if name[:1].isupper() or name in classes)),
        modules=tuple(sorted(modules)),
        uncalled=tuple(_uncalled(trees)),
    )


def _prefix_tree(prefix: str) -> ast.Module:
    """The prefix as far as it can be read without what follows it: a head without a body has `pass`."""
    lines = prefix.split("\n")
    while lines:
        text = "\n".join(lines)
        indent = len(lines[-1]) - len(lines[-1].lstrip())
        for ending in ("", "\n" + " " * (indent + 4) + "pass"):
            try:
                return ast.parse(text + ending)
            except (SyntaxError, ValueError):
                continue
        lines.pop()
    return ast.parse("")


def _completes(tree: ast.Module, entry_point: str) -> str:
    """The last function of the prefix that does nothing yet."""
    empty = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and is_empty(node)]
    return entry_point if entry_point in empty else (empty or [""])[-1]


def _bound(text: str) -> set[str]:
    table = symtable.symtable(text, "prefix", "exec")
    return {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}


def _free(texts: tuple[str, ...], entry_point: str) -> set[str]:
    """Global names that texts use and do not bind; a builtin is the program's only as the entry point."""
    used: set[str] = set()
    for text in texts:
        top = symtable.symtable(text, "tests", "exec")
        for table in _tables(top):
            symbols = (symbol for symbol in table.get_symbols() if symbol.is_referenced())
            used |= {symbol.get_name() for symbol in symbols if table is top or symbol.is_global()}
    bound = {name for text in texts for name in _bound(text)}
    return {name for name in used - bound if not hasattr(builtins, name) or name == entry_point}


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)


def _named_owner(node: ast.AST) -> str:
    """The name before a dot, as in `math.pi`."""
    is_named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    return node.value.id if is_named else ""  # type: ignore[attr-defined]


def _uncalled(trees: list[ast.Module]) -> Iterator[str]:
    used = {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for tree in trees:
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name not in used:
                yield node.name

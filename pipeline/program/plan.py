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
from pipeline.program.tester import groups

ALLOW_INCOMPLETE_INPUT = 0x4000
"""The flag by which Python's own prompt tells text that may go on from text that is wrong."""
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What the parser raises for text that is no Python."""


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
    """Read the trusted texts of a task. Raises ValueError where one is no Python."""
    texts = (tests,) if isinstance(tests, str) else tests
    is_list = not isinstance(tests, str)
    _refuse_broken(prefix)
    trees = [_test_tree(text, f"test {n}" if is_list else "test") for n, text in enumerate(texts, 1)]
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
        is_list=is_list,
        entry_point=entry_point,
        completes=completes,
        trusted=trusted,
        names=tuple(sorted(names)),
        classes=tuple(sorted(name for name in names if name[:1].isupper() or name in classes)),
        modules=tuple(sorted(modules)),
        uncalled=tuple(_uncalled(trees)),
    )


def has_test(plan: Plan) -> bool:
    """Whether anything in the tests is one: each text of a list is."""
    if plan.is_list:
        return bool(plan.tests)
    tree = ast.parse(plan.tests[0])
    calls_check = bool(plan.entry_point) and "check" in plan.uncalled
    return (
        any(is_test for is_test, _ in groups(tree.body))
        or calls_check
        or any(name.startswith("test") for name in plan.uncalled)
        or _has_case(tree)
    )


def _has_case(tree: ast.Module) -> bool:
    """Whether a class derives from another and one has a test method; from which one is known when the tests run."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names = [str(getattr(item, "name", "")) for node in classes for item in node.body]
    return any(node.bases for node in classes) and any(name.startswith(("test", "runTest")) for name in names)


def _test_tree(text: str, place: str) -> ast.Module:
    try:
        symtable.symtable(text, "tests", "exec")
        return ast.parse(text)
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise ValueError(f"{place}{line}: found what is no Python ({error.msg})") from None
    except UNREADABLE as error:
        raise ValueError(f"{place}: found what is no Python ({type(error).__name__}: {error})") from None


def _refuse_broken(prefix: str) -> None:
    """Raise ValueError for a prefix that no response can complete; one may end within a statement."""
    wanted = "wanted code, or code that ends in a function without a body"
    text = prefix.rstrip()
    try:
        compile(text, "prefix.py", "exec", ast.PyCF_ONLY_AST | ALLOW_INCOMPLETE_INPUT)
    except SyntaxError as error:
        lines = text.split("\n")
        is_at_end = (error.lineno or 0, error.offset or 0) > (len(lines), len(lines[-1]))
        if error.msg != "incomplete input" and (isinstance(error, IndentationError) or not is_at_end):
            line = f" at line {error.lineno}" if error.lineno else ""
            raise ValueError(f"prefix: found what is no Python{line} ({error.msg}), {wanted}") from None
    except UNREADABLE as error:
        raise ValueError(f"prefix: found what is no Python ({type(error).__name__}: {error}), {wanted}") from None


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

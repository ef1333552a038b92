"""One program out of a task's prefix and a response's code.

A prefix may end in the head of a function that the response shall complete: with its body alone, whose first line or
all lines may have lost their indentation, or with the whole function once more. Runs in the program's own process,
before the program: the parser too sees hostile text.
"""

import _ast
import re
from collections.abc import Iterator

ONLY_AST = 0x400
_FUTURE = re.compile(r"^from[ \t]+__future__[ \t]+import\b[^\n(]*\n?", re.MULTILINE)


def assemble(prefix: str, code: str, wanted: str = "") -> str:
    r"""The program's text; `wanted` is the function that the prefix begins and the response completes, if any.

    The first reading that compiles is the program, where there is such a function the first that has it complete: the
    code as it stands behind the prefix, or behind a prefix that is ended with `pass`, its first line indented, all of
    it indented. Imports from `__future__` come first, as they must. Raises SyntaxError or what else the parser raises.

    >>> assemble("def f(x):\n    '''Twice.'''\n", "return 2 * x", "f")
    "def f(x):\n    '''Twice.'''\n    return 2 * x"
    >>> assemble("def f(x):\n", "def f(x):\n    return 2 * x", "f")
    'def f(x):\n    pass\ndef f(x):\n    return 2 * x'
    """
    if "\0" in prefix + code:
        raise SyntaxError("a program has no NUL characters")
    code = code.removeprefix("\ufeff")
    if not prefix:
        return code
    if future := _FUTURE.findall(code):
        prefix, code = "".join(future) + prefix, _FUTURE.sub("", code)
    first_error: Exception | None = None
    fallback = None
    for text in _readings(prefix, code):
        try:
            compile(text, "program.py", "exec")
            tree = compile(text, "program.py", "exec", ONLY_AST)
        except SyntaxError as error:
            first_error = first_error or error
            continue
        if not wanted or is_complete(tree, wanted):
            return text
        fallback = fallback or text
    if fallback is None:
        raise first_error or SyntaxError("no program")
    return fallback


def _readings(prefix: str, code: str) -> Iterator[str]:
    head = prefix if prefix.endswith("\n") else prefix + "\n"
    yield head + code
    yield prefix + code
    indent = _body_indent(prefix)
    yield head + indent + "pass\n" + code
    yield head + indent + code.lstrip("\n")
    yield head + "\n".join(indent + line if line.strip() else line for line in code.split("\n"))


def _body_indent(prefix: str) -> str:
    """The indentation of the prefix's last line; one step more where that line opens a block."""
    last = next((line for line in reversed(prefix.split("\n")) if line.strip()), "")
    indent = last[: len(last) - len(last.lstrip())]
    return indent + "    " if last.rstrip().endswith(":") else indent


def is_complete(tree: _ast.Module, name: str) -> bool:
    """Whether what has that name at the end is anything but a function that does nothing."""
    found = [node for node in tree.body if name in _bound(node)]
    return bool(found) and not is_empty(found[-1])


def _bound(statement: _ast.stmt) -> list[str]:
    """The names that a definition, an assignment or an import binds."""
    if isinstance(statement, _ast.Assign):
        return [str(getattr(target, "id", "")) for target in statement.targets]
    if isinstance(statement, _ast.Import | _ast.ImportFrom):
        return [alias.asname or alias.name for alias in statement.names]
    return [str(getattr(statement, "name", ""))]


def is_empty(node: _ast.AST) -> bool:
    """Whether a function has nothing but a docstring, `pass`, `...` or `raise NotImplementedError`."""
    if not isinstance(node, _ast.FunctionDef | _ast.AsyncFunctionDef):
        return False
    return all(
        isinstance(item, _ast.Pass)
        or (isinstance(item, _ast.Expr) and isinstance(item.value, _ast.Constant))
        or (isinstance(item, _ast.Raise) and "NotImplemented" in _name(item.exc))
        for item in node.body
    )


def _name(node: _ast.AST | None) -> str:
    return str(getattr(getattr(node, "func", node), "id", ""))

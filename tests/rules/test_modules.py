"""Modules and functions stay small, named for what they are, and honest about failures; text names no machine.

A rule is a function from a folder to the lines that break it, so that each is shown to fail on a planted violation.
"""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("schemas", "pipeline", "annotation", "flows")
DRAWERS = {"base", "common", "core", "helper", "helpers", "lib", "manager", "misc", "shared", "tools", "util", "utils"}

MAX_MODULE_LINES = 300
LONG_MODULES = {"schemas/tables.py": "declarations: a line for each column of each table"}

MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 6
MANY_PARAMETERS = {
    "annotation/server/sqlite_search/engine.py": "the Argilla server calls it with these parameters",
    "flows/cli.py": "a command has a parameter for each of its options",
    "schemas/ids.py": "an id has a parameter for each column that it hashes",
}

STAGE_FUNCTIONS = ("run", "wanted", "work")

BROAD_EXCEPTS = {
    "pipeline/verify.py": "a failed verification is a row",
    "pipeline/embeddings.py": "tokenizers and safetensors raise nothing narrower",
    "pipeline/local_model/chat.py": "the tokenizers library raises nothing narrower",
    "pipeline/program/link.py": "what a program raises is its outcome",
    "pipeline/program/serving.py": "what a program raises is its outcome",
    "pipeline/program/tester.py": "what a test raises is its outcome",
    "pipeline/limited_process.py": "a failed call is its caller's exception",
    "flows/curate.py": "a failed shard is retried, whatever failed",
}
PRINTS = {
    "flows/console.py": "what the command line prints, made safe for a terminal",
}

Rule = Callable[[Path], list[str]]


def modules(root: Path) -> Iterator[tuple[str, ast.Module, int]]:
    """Path within `root`, syntax tree and number of lines of every module of the product."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            yield path.relative_to(root).as_posix(), ast.parse(text), len(text.splitlines())


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _is_allowed(path: str, allowed: dict[str, str]) -> bool:
    return any(path == entry or (entry.endswith("/") and path.startswith(entry)) for entry in allowed)


def drawers(root: Path) -> list[str]:
    """Modules and packages named for anything at all."""
    return [path for path, _, _ in modules(root) if DRAWERS & {part.strip("_") for part in path[:-3].split("/")}]


def undescribed_modules(root: Path) -> list[str]:
    """Modules without the line that says what they are."""
    return [path for path, tree, _ in modules(root) if not ast.get_docstring(tree)]


def long_modules(root: Path) -> list[str]:
    return [
        f"{path}: {n_lines} lines"
        for path, _, n_lines in modules(root)
        if n_lines > MAX_MODULE_LINES and not _is_allowed(path, LONG_MODULES)
    ]


def long_functions(root: Path) -> list[str]:
    return [
        f"{path}:{node.lineno} {node.name}: {n_lines} lines"
        for path, tree, _ in modules(root)
        for node in functions(tree)
        if (n_lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]


def many_parameters(root: Path) -> list[str]:
    """Functions with too many parameters; those of a stage that take the frames of its READS may have more."""
    found = []
    for path, tree, _ in modules(root):
        for node in functions(tree):
            names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            n_parameters = len([name for name in names if name not in ("self", "cls")])
            takes_frames = node.name in STAGE_FUNCTIONS and _is_stage(tree)
            if n_parameters > MAX_PARAMETERS and not takes_frames and not _is_allowed(path, MANY_PARAMETERS):
                found.append(f"{path}:{node.lineno} {node.name}: {n_parameters} parameters")
    return found


def _is_stage(tree: ast.Module) -> bool:
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return "READS" in {getattr(target, "id", "") for target in targets}


def broad_excepts(root: Path) -> list[str]:
    """`except:`, `except Exception` and `except BaseException` that swallow what no row may record."""
    return [
        f"{path}:{node.lineno}"
        for path, tree, _ in modules(root)
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and not _is_allowed(path, BROAD_EXCEPTS)
    ]


def _is_broad(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {node.id for node in caught if isinstance(node, ast.Name)}
    raises_again = any(isinstance(node, ast.Raise) and node.exc is None for node in handler.body)
    return not raises_again and (handler.type is None or bool(names & {"Exception", "BaseException"}))


def prints(root: Path) -> list[str]:
    return [
        f"{path}:{node.lineno}"
        for path, tree, _ in modules(root)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print" and not _is_allowed(path, PRINTS)
    ]


MACHINE_PATH = re.compile(r"(?<![\w.:/-])(?:/(?:work|root|home|Users)/[\w.-]+|[A-Z]:\\\\?Users\b)")
"""A path that exists on one machine only; a URL's path is none."""


def machine_paths(root: Path) -> list[str]:
    """Lines of text files that git tracks, or would, which speak of a path of one machine."""
    listed = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0")
    found = []
    for name in sorted(set(filter(None, names)) - {"tests/rules/test_modules.py"}):
        content = (root / name).read_bytes() if (root / name).is_file() else b""
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            found += [f"{name}:{number} {path}" for path in MACHINE_PATH.findall(line)]
    return found


RULES: dict[Rule, tuple[str, str]] = {
    drawers: ("pipeline/text_utils/utils.py", '"""Things."""'),
    undescribed_modules: ("pipeline/x.py", "X = 1"),
    long_modules: ("pipeline/x.py", "X = 1\n" * 301),
    long_functions: ("pipeline/x.py", "def f():\n" + "    x = 1\n" * 60),
    many_parameters: ("pipeline/x.py", "def f(a, b, c, *, d, e, f, g): ..."),
    broad_excepts: ("pipeline/x.py", "try:\n    x = 1\nexcept (ValueError, Exception):\n    pass"),
    prints: ("pipeline/x.py", "print(1)"),
    machine_paths: ("docs/x.md", "Look in `/home/ann/data`."),
}
"""Each rule, with a file that breaks it."""
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


def _planted(root: Path, path: str, text: str) -> Path:
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")
    return root


@every_rule
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    assert rule(ROOT) == []


@every_rule
def test_a_planted_violation_is_found(tmp_path: Path, rule: Rule) -> None:
    path, text = RULES[rule]
    (found,) = rule(_planted(tmp_path, path, text))
    assert found.startswith(path)


@pytest.mark.parametrize(
    "text",
    [
        '"""A module."""\n' + "X = 1\n" * 299,
        '"""A module."""\n\n\ndef f(self, a, b, c, d, e, f, *args, **more):\n' + "    x = 1\n" * 59,
        '"""A stage."""\nREADS = ()\n\n\ndef run(a, b, c, d, e, f, config): ...',
        '"""A module."""\ntry:\n    x = 1\nexcept Exception:\n    x = 2\n    raise',
        '"""A module."""\ntry:\n    x = 1\nexcept ValueError:\n    pass',
    ],
    ids=[
        "a full module",
        "a full function",
        "a stage that reads six tables",
        "an except that raises again",
        "a narrow except",
    ],
)
def test_what_is_within_the_limits_is_fine(tmp_path: Path, text: str) -> None:
    _planted(tmp_path, "pipeline/x.py", text)
    assert [found for rule in RULES for found in rule(tmp_path)] == []


@pytest.mark.parametrize("text", ["except:", "except Exception:", "except BaseException as error:"])
def test_every_way_to_catch_all_is_found(tmp_path: Path, text: str) -> None:
    assert broad_excepts(_planted(tmp_path, "pipeline/x.py", f"try:\n    x = 1\n{text}\n    pass")) == [
        "pipeline/x.py:3"
    ]


@pytest.mark.parametrize(
    "text", ["https://example.com/home/ann", "s3://bucket/root/x", "a/root/b", "/home", "./home/x"]
)
def test_a_path_of_no_machine_is_fine(tmp_path: Path, text: str) -> None:
    assert machine_paths(_planted(tmp_path, "docs/x.md", text)) == []


ALLOWED = {
    long_modules: LONG_MODULES,
    many_parameters: MANY_PARAMETERS,
    broad_excepts: BROAD_EXCEPTS,
    prints: PRINTS,
}


@pytest.mark.parametrize(("rule", "allowed"), ALLOWED.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_exceptions_to_the_rules_name_files_that_need_them(
    rule: Rule, allowed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = list(allowed)
    for name in names:
        monkeypatch.delitem(allowed, name)
    found = rule(ROOT)
    assert [name for name in names if not any(line.startswith(name) for line in found)] == []

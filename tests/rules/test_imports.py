"""Imports point one way, and each heavy library has one home.

A rule is a function from a folder to the lines that break it, so that each is shown to fail on a planted violation.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("schemas", "pipeline", "annotation", "flows")
"""Each package may import itself and those before it."""

HOMES: dict[str, tuple[str, ...]] = {
    "aiohttp": ("pipeline/served_model/",),
    "argilla": ("annotation/sync/",),
    "argilla_server": ("annotation/server/",),
    "ctranslate2": ("pipeline/local_model/model.py",),
    "datasets": ("pipeline/sources/hub.py",),
    "duckdb": ("pipeline/query.py",),
    "jinja2": ("pipeline/local_model/chat_template.py",),
    "matplotlib": ("pipeline/figures/drawing.py", "pipeline/figures/pictures.py"),
    "model2vec": ("pipeline/embeddings.py",),
    "numba": ("pipeline/compiled.py", "pipeline/shingling/memory.py"),
    "prefect": ("flows/",),
    "prefect_ray": ("flows/",),
    "ray": ("pipeline/generators/",),
    "reasoning_gym": ("pipeline/gym.py",),
    "jsonschema": ("pipeline/served_model/structured.py",),
    "tenacity": ("pipeline/served_model/",),
    "tokenizers": ("pipeline/local_model/chat.py",),
    "vllm": ("pipeline/vllm_model/",),
}
"""The files, or folders, that may import a library."""

LIGHT = (
    "flows.cli",
    (
        "aiohttp",
        "argilla",
        "ctranslate2",
        "datasets",
        "jinja2",
        "jsonschema",
        "matplotlib",
        "model2vec",
        "numba",
        "prefect",
        "ray",
        "reasoning_gym",
        "tenacity",
        "tokenizers",
        "torch",
        "vllm",
    ),
)
"""A module, and the libraries that importing it must not load: what `coldstart --help` costs."""


def modules(root: Path) -> Iterator[tuple[str, ast.Module]]:
    """Path within `root` and syntax tree of every module of the product."""
    for layer in LAYERS:
        for path in sorted((root / layer).rglob("*.py")):
            yield path.relative_to(root).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST, path: str) -> Iterator[tuple[str, int]]:
    """Full name and line of every import in a tree, inside functions and by `import_module("name")` too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(path.split("/")[: -node.level]) if node.level else ""
            module = ".".join(part for part in (start, node.module) if part)
            yield from ((f"{module}.{alias.name}".lstrip("."), node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__") and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value, node.lineno


def _called(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def upward_imports(root: Path) -> list[str]:
    """Imports of a package that comes later, or of tests and benchmarks."""
    found = []
    for path, tree in modules(root):
        own = LAYERS.index(path.split("/")[0])
        forbidden = {*LAYERS[own + 1 :], "tests", "benchmarks"}
        names = [(name, line) for name, line in imported(tree, path) if name.split(".")[0] in forbidden]
        found += [f"{path}:{line} imports {name}" for name, line in names]
    return found


def strays(root: Path) -> list[str]:
    """Imports of a library outside its home."""
    found = []
    for path, tree in modules(root):
        for name, line in imported(tree, path):
            homes = HOMES.get(name.split(".")[0])
            if homes and not any(path == home or (home.endswith("/") and path.startswith(home)) for home in homes):
                found.append(f"{path}:{line} imports {name}; its home is {' and '.join(homes)}")
    return found


def loaded_by(root: Path, module: str, libraries: tuple[str, ...]) -> list[str]:
    """Those of `libraries` that importing `module` loads, in a process of its own."""
    code = f"import sys, {module}; print(*(name for name in {libraries!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_imports_point_one_way() -> None:
    assert upward_imports(ROOT) == []


def test_each_library_is_imported_only_in_its_home() -> None:
    assert strays(ROOT) == []


def test_the_command_line_loads_no_heavy_library() -> None:
    assert loaded_by(ROOT, *LIGHT) == []


def test_every_layer_is_there() -> None:
    assert {path.split("/")[0] for path, _ in modules(ROOT)} == set(LAYERS)


def _plant(root: Path, path: str, text: str) -> Path:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("schemas/x.py", "import pipeline.store"),
        ("schemas/x.py", "from pipeline import store"),
        ("pipeline/x.py", "from annotation.sync import push"),
        ("pipeline/sources/x.py", "def f():\n    from flows import cli"),
        ("pipeline/x.py", "from .. import flows"),
        ("annotation/x.py", "import importlib\nimportlib.import_module('flows.cli')"),
        ("flows/x.py", "from tests.conftest import shared_data"),
        ("pipeline/x.py", "import benchmarks"),
    ],
)
def test_an_import_that_points_up_is_found(tmp_path: Path, path: str, text: str) -> None:
    (found,) = upward_imports(_plant(tmp_path, path, text))
    assert found.startswith(f"{path}:")


@pytest.mark.parametrize("text", ["import schemas.ids", "from schemas import ids", "from . import store", "import os"])
def test_an_import_that_points_down_is_fine(tmp_path: Path, text: str) -> None:
    assert upward_imports(_plant(tmp_path, "pipeline/x.py", text)) == []


@pytest.mark.parametrize("library", HOMES)
def test_a_library_outside_its_home_is_found(tmp_path: Path, library: str) -> None:
    (found,) = strays(_plant(tmp_path, "schemas/x.py", f"def f():\n    import {library}.part"))
    assert found.startswith(f"schemas/x.py:2 imports {library}.part; its home is ")


@pytest.mark.parametrize(("library", "homes"), HOMES.items(), ids=HOMES.keys())
def test_a_library_in_its_home_is_fine(tmp_path: Path, library: str, homes: tuple[str, ...]) -> None:
    home = homes[0] + "x.py" if homes[0].endswith("/") else homes[0]
    assert strays(_plant(tmp_path, home, f"from {library} import thing")) == []


def test_our_own_sources_package_is_not_the_library_of_that_name(tmp_path: Path) -> None:
    assert strays(_plant(tmp_path, "flows/x.py", "from pipeline.sources import datasets")) == []


def test_a_heavy_library_at_the_top_of_a_module_is_found(tmp_path: Path) -> None:
    _plant(tmp_path, "prefect.py", "")
    _plant(tmp_path, "steps.py", "import prefect")
    assert loaded_by(_plant(tmp_path, "cli.py", "import steps"), "cli", ("prefect", "vllm")) == ["prefect"]


def test_a_heavy_library_inside_a_function_is_fine(tmp_path: Path) -> None:
    _plant(tmp_path, "prefect.py", "")
    assert loaded_by(_plant(tmp_path, "cli.py", "def f():\n    import prefect"), "cli", ("prefect",)) == []

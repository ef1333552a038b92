"""Which model vLLM loads: a name on the Hugging Face Hub, or a folder on this machine."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from pipeline.local_model.folder import model_digest
from schemas.errors import RecipeError
from schemas.recipe import Settings

READ = frozenset(
    {".bin", ".gguf", ".jinja", ".json", ".model", ".pt", ".pth", ".py", ".safetensors", ".tiktoken", ".txt"}
)
"""Suffixes of the files in a model's folder that decide what it says; what is in subfolders is not read."""


class Checkpoint(Settings):
    """The settings that name a model; one of `model` and `path` is set."""

    model: str = Field("", max_length=500, description="The model's name on the Hugging Face Hub; or give its `path`.")
    path: str = Field(
        "",
        max_length=4000,
        description="The model's folder in Hugging Face format, relative to the recipe's `data` folder; other contents "
        "need another run.",
        json_schema_extra={"mutable": True, "path": True},
    )
    revision: str = Field(
        "", max_length=500, description="Commit, tag or branch of `model`; empty: the newest, which may change."
    )

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if bool(self.model) is bool(self.path):
            raise ValueError("wanted either model (a name on the Hub) or path (a folder on this machine)")
        if self.revision and self.path:
            raise ValueError("revision belongs to model; a path is identified by the contents of its files")
        return self

    @property
    def name(self) -> str:
        """What rollouts call the model: its name on the Hub, or that of its folder."""
        return self.model or Path(self.path).resolve().name

    @property
    def location(self) -> str:
        """What vLLM is given as the model."""
        return self.model or str(self._folder())

    def identified(self) -> dict[str, Any]:
        """What the model is, for an identity: its name and revision, or the digest of its files; never a path."""
        if self.model:
            return {"model": self.model, "revision": self.revision}
        return {"model": model_digest(p for p in sorted(self._folder().iterdir()) if p.is_file() and p.suffix in READ)}

    def notice(self) -> str:
        """What the NOTICE file in the model's folder says of all that the model makes; empty where there is none."""
        path = Path(self.path, "NOTICE")
        is_there = bool(self.path) and path.is_file()
        return " ".join(path.read_text(encoding="utf-8", errors="replace").split()) if is_there else ""

    def _folder(self) -> Path:
        folder = Path(self.path)
        if not folder.is_dir():
            raise RecipeError(f"{folder}: there is no such folder; wanted the folder of a model on this machine")
        if not (folder / "config.json").is_file():
            raise RecipeError(
                f"{folder}: no model that vLLM reads; wanted one in Hugging Face format (config.json, tokenizer.json, "
                "*.safetensors)"
            )
        return folder

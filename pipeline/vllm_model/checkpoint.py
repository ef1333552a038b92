"""Which model vLLM loads, a name on the Hugging Face Hub or a folder on this machine, and with which arguments."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from pipeline.local_model.folder import model_digest
from schemas.errors import RecipeError
from schemas.recipe import Settings

READ = frozenset(
    {".bin", ".gguf", ".jinja", ".json", ".model", ".pt", ".pth", ".py", ".safetensors", ".tiktoken", ".txt"}
)
"""Suffixes of the files in a model's folder that decide what it says; what is in subfolders is not read."""

OURS = frozenset({"model", "model_tag", "revision", "served_model_name", "host", "port", "uds", "api_key", "config"})
"""Arguments that other settings decide, or that are decided here."""

DEFAULTS: Mapping[str, Any] = {
    # Weak models else fill their budget with JSON white space.
    "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
}
CPU_DEFAULTS: Mapping[str, Any] = {"enforce_eager": True}  # compiling takes longer than it saves


class Checkpoint(Settings):
    """The settings that name a model, one of `model` and `path`, and how vLLM loads it."""

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

    arguments: dict[Annotated[str, Field(pattern=r"^[a-zA-Z][\w.-]*$")], JsonValue] = Field(
        {},
        description="Arguments of vLLM's command line, such as max_model_len = 16384 or reasoning_parser = 'qwen3'; "
        "true and false switch a flag on and off.",
    )

    @field_validator("arguments")
    @classmethod
    def _adds(cls, arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
        return without({name.replace("-", "_"): value for name, value in arguments.items()}, OURS)

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

    def all_arguments(self, *, is_cpu: bool, **defaults: Any) -> dict[str, Any]:
        """Those of the recipe, and what it leaves open: `defaults` and our own."""
        revision = {"revision": self.revision} if self.revision else {}
        return {**DEFAULTS, **(CPU_DEFAULTS if is_cpu else {}), **defaults, **revision, **self.arguments}

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


def without(given: dict[str, JsonValue], taken: frozenset[str]) -> dict[str, JsonValue]:
    """What is given; ValueError where some of it is not for the recipe to give."""
    if found := sorted(taken & given.keys()):
        raise ValueError(f"{', '.join(found)} cannot be set here: it is decided by the other settings or by Coldstart")
    return given

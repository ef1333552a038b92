"""`URL#MODEL`: a model behind an OpenAI-compatible server, named in one word."""

import os
from typing import Any

from pydantic import ValidationError

from pipeline.generators.openai_server import Config, identity, plain_url
from pipeline.served_model.settings import Key, key_of
from schemas.errors import RecipeError
from schemas.recipe_file import explain

EXAMPLE = "http://127.0.0.1:8000/v1#BAAI/bge-small-en-v1.5"


def is_url(where: str) -> bool:
    """Whether a place is a server rather than a folder."""
    return where.startswith(("http://", "https://"))


def key_variable(name: str) -> str:
    """The environment variable that holds the key of the server that the setting `name` points at.

    >>> key_variable("embedder")
    'COLDSTART_EMBEDDER_KEY'
    """
    return f"COLDSTART_{name.upper()}_KEY"


class Served(Config):
    """A model behind a server that one setting names as `URL#MODEL`."""

    setting: str

    @property
    def address(self) -> str:
        """As in `ServedSettings`."""
        return self.setting

    def key(self) -> Key:
        """The key where one is exported; else none, with the variable that could hold it."""
        variable = key_variable(self.setting)
        return key_of(variable, self.setting) if os.environ.get(variable) else Key(variable=variable)


def served(where: str, name: str, **settings: Any) -> Served:
    """Settings of the model at `URL#MODEL`; `name` is the setting that says so. A key is sent where one is exported.

    Raises RecipeError: no URL, no model, a key that is none, a library that is missing.
    """
    url, _, model = where.partition("#")
    if not is_url(url) or not model.strip():
        missing = "no model behind #" if is_url(url) else "no URL"
        raise RecipeError(f"{name}: found {missing}; wanted URL#MODEL, such as {EXAMPLE}")
    plain_url(url, name, f"${key_variable(name)}")
    try:
        config = Served(base_url=url, model=model, setting=name, **settings)
    except ValidationError as error:
        raise RecipeError(explain(error, Served, name)) from None
    config.key()
    identity(config)
    return config

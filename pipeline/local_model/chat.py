"""Talk to the model of a folder: messages to tokens by its own chat template, and tokens back to text.

A problem is not trusted: what looks like a control token in a message, such as `<|im_end|>`, is sent as the letters it
is written in, so that no message can end its turn or begin another one. `<think>` is text to most tokenizers (an added
token that is not marked special) and stays what it is.
"""

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.local_model.chat_template import compiled, template_source
from pipeline.local_model.folder import INSTALL, TOKENIZER, read_json
from schemas.errors import RecipeError
from schemas.messages import first_line

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_OPENS_THINKING = re.compile(r"<think(?:ing)?>\s*\Z", re.IGNORECASE)
_THINKING_TAG = re.compile(r"</?think(?:ing)?>", re.IGNORECASE)


@dataclass(frozen=True)
class ChatPrompt:
    """Messages as the model reads them."""

    tokens: list[str]
    opens_thinking: bool
    """The template itself begins the thinking, so that the answer will have a closing tag only."""


class Chat:
    """Tokenizer, template and limits of one folder in Hugging Face format."""

    def __init__(self, folder: Path) -> None:
        """Read the folder; raises RecipeError of one line where something is missing or broken."""
        settings = read_json(folder / "tokenizer_config.json")
        self._file = folder / TOKENIZER
        self._tokenizer = _tokenizer(self._file)
        self._named = dict(_named_tokens(settings))
        self.template = template_source(folder)
        """The chat template as written."""
        self._render = compiled(self.template, folder)
        self.end_ids = _end_ids(folder, self._tokenizer, self._named.get("eos_token"))
        """Ids of the tokens that end an answer, sorted."""
        self.n_context = _context_length(read_json(folder / "config.json"), settings)
        """Most tokens of prompt and answer together; None where the folder does not say."""
        self.vocabulary_size: int = self._tokenizer.get_vocab_size()
        added = self._tokenizer.get_added_tokens_decoder()
        self._control = {id: token.content for id, token in added.items() if token.special}
        self._widths: dict[int, int] = {}
        self._silent = {id for id, content in self._control.items() if not _THINKING_TAG.fullmatch(content)}

    def prompt(self, messages: Sequence[Mapping[str, str]], options: Mapping[str, Any] | None = None) -> ChatPrompt:
        """The messages as tokens, up to where the model's answer begins; `options` go to the template.

        Raises TemplateRefusedError.
        """
        mark = f"x{secrets.token_hex(16)}x"
        found: list[str] = []

        def mark_control(match: re.Match[str]) -> str:
            found.append(match[0])
            return f"{mark}{len(found) - 1}{mark}"

        safe = [{**message, "content": self._controls.sub(mark_control, message["content"])} for message in messages]
        values = {**self._named, "tools": None, "documents": None, "add_generation_prompt": True, **(options or {})}
        text = self._render(safe, values)
        pieces = text.split(mark)
        tokens = list(self._tokenizer.encode(pieces[0], add_special_tokens=False).tokens)
        for number, piece in zip(pieces[1::2], pieces[2::2], strict=True):
            tokens += self._literal.encode(found[int(number)], add_special_tokens=False).tokens
            tokens += self._tokenizer.encode(piece, add_special_tokens=False).tokens
        return ChatPrompt(tokens, bool(_OPENS_THINKING.search(text)))

    def text(self, ids: Sequence[int]) -> str:
        """Generated tokens as text, without control tokens; thinking tags stay."""
        shown = [id for id in ids if id not in self._silent]
        text: str = self._tokenizer.decode(shown, skip_special_tokens=False)
        return text

    def width(self, id: int) -> int:
        """Characters of a token that stands alone."""
        if id not in self._widths:
            self._widths[id] = len(self.text([id]))
        return self._widths[id]

    @cached_property
    def _literal(self) -> "Tokenizer":
        """The same tokenizer, reading control tokens as plain letters; loaded only where a message has one."""
        tokenizer = _tokenizer(self._file)
        tokenizer.encode_special_tokens = True
        return tokenizer

    @cached_property
    def _controls(self) -> re.Pattern[str]:
        names = sorted(filter(None, self._control.values()), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, names)) or r"(?!)")


def _tokenizer(path: Path) -> "Tokenizer":
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise RecipeError(f"{path}: reading it needs the library tokenizers; {INSTALL}") from None
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
        raise RecipeError(f"{path}: not a tokenizer: {first_line(error)}; copy it again from the model") from None


def _named_tokens(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """bos_token, eos_token and such, which templates write."""
    for name, value in settings.items():
        token = value.get("content") if isinstance(value, dict) else value
        if name.endswith("_token") and isinstance(token, str):
            yield name, token


def _end_ids(folder: Path, tokenizer: "Tokenizer", eos_token: str | None) -> list[int]:
    """What the generation settings (else the model's) name, and the tokenizer's own end token."""
    named = read_json(folder / "generation_config.json").get("eos_token_id")
    if named is None:
        named = read_json(folder / "config.json").get("eos_token_id")
    ids = [*(named if isinstance(named, list) else [named]), tokenizer.token_to_id(eos_token) if eos_token else None]
    found = sorted({id for id in ids if isinstance(id, int)})
    if not found:
        raise RecipeError(
            f"{folder}: nothing says which token ends an answer; wanted eos_token_id in generation_config.json"
        )
    return found


def _context_length(model: Mapping[str, Any], settings: Mapping[str, Any]) -> int | None:
    """What the model was made for; a tokenizer's astronomic `model_max_length` means that nobody said."""
    nested = model.get("text_config")
    for table in (model, nested if isinstance(nested, dict) else {}):
        if isinstance(length := table.get("max_position_embeddings"), int):
            return length
    length = settings.get("model_max_length")
    return length if isinstance(length, int) and length < 10**8 else None

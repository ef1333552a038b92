"""Guidelines for annotators: versioned Markdown files in `annotation/guidelines`, or one of your own.

The version is part of every record's id, so that answers under two wordings are never mixed. A file that comes with
the project never changes: a better wording is a new file, `plans-2` beside `plans-1`. The version of a file of your
own ends in a digest of its text.
"""

from dataclasses import dataclass
from pathlib import Path

from schemas.errors import RecipeError
from schemas.ids import content_id
from schemas.messages import did_you_mean

FOLDER = Path(__file__).parent / "guidelines"
SUFFIX = ".md"
MAX_CHARS = 10_000
"""Longer guidelines are refused by the server."""


@dataclass(frozen=True)
class Guidelines:
    """A text and its version."""

    version: str
    text: str

    def digest(self) -> str:
        """Hash of the text."""
        return content_id("guidelines", text=self.text)


def load_guidelines(name: str, *, where: str = "annotate.guidelines") -> Guidelines:
    """Guidelines by the name of their file, without `.md`, or by a path with a slash to another.

    Line ends and white space at the end make no difference. Raises RecipeError that begins with `where`: an unknown
    name, no such file, no text, more than the server takes.
    """
    if "/" not in name:
        if name not in guideline_names():
            raise RecipeError(f"{where}: {_unknown(name)}")
        return Guidelines(name, _text(FOLDER / f"{name}{SUFFIX}", where))
    path = Path(name)
    text = _text(path, where)
    return Guidelines(f"{path.name.removesuffix(SUFFIX)}-{Guidelines('', text).digest()[:8]}", text)


def guideline_names() -> list[str]:
    """The guidelines that come with the project, sorted."""
    return sorted(path.name.removesuffix(SUFFIX) for path in FOLDER.glob(f"*{SUFFIX}"))


def _unknown(name: str) -> str:
    known = guideline_names()
    hint = did_you_mean(name, known, f"there are {', '.join(known)}")
    return f"unknown guidelines {name!r}{hint} (a file of your own is named with a slash, such as ./{name})"


def _text(path: Path, where: str) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig").rstrip()
    except FileNotFoundError:
        begin = f"begin with a copy: cp {FOLDER / 'plans-1.md'} {path}"
        raise RecipeError(f"{where}: there is no file {path}; {begin}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{where}: {path}: cannot read these guidelines: {error}") from None
    if not text:
        raise RecipeError(f"{where}: {path}: no text; wanted what annotators are told, in Markdown")
    if len(text) > MAX_CHARS:
        raise RecipeError(
            f"{where}: {path}: found {len(text):,} characters, the server takes {MAX_CHARS:,}; shorten them"
        )
    return text

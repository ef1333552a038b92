"""Text from outside, made safe to show: on a terminal, on one line, in Markdown.

What sources, models and recipes say may hold control sequences, invisible characters that turn text around, and
Markdown that loads images. Nothing here changes what is stored.
"""

import re
import unicodedata
from hashlib import sha256

_UNSAFE = ("Cc", "Cf", "Cs")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~!&:@]|(?<=www)\.)")


def clean(text: str) -> str:
    """Text without control sequences, invisible format characters and surrogates; newlines and tabs stay.

    >>> clean("a\\x1b[31mb")
    'a[31mb'
    """
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _UNSAFE)


def one_line(text: str, limit: int | None = None) -> str:
    """Clean text with single spaces for all white space, cut to `limit` characters.

    >>> one_line("a\\n  bc", limit=3)
    'a …'
    """
    shown = " ".join(clean(text).split())
    return shown if limit is None or len(shown) <= limit else shown[: limit - 1] + "…"


def escaped(text: str) -> str:
    """Text as one line of Markdown that shows it, without emphasis, links, images, HTML or table cells.

    >>> print(escaped("![i](http://e) a|b"))
    \\!\\[i\\](http\\://e) a\\|b
    """
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def mark(*texts: str) -> str:
    """A word to put around texts that others wrote, so that a model can tell where they end; none of them can hold it.

    >>> mark("a") == mark("a") != mark("b")
    True
    """
    return f"text-{sha256(''.join(texts).encode(errors='replace')).hexdigest()[:12]}"

"""Whatever a text from outside says, it is shown and does nothing."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from pipeline.hostile import clean, escaped, one_line


def test_newlines_and_tabs_stay_and_invisible_characters_go() -> None:
    assert clean("a\tb\n\x1b]0;x\x07\r\u202e\u200bc\x9b\ud800") == "a\tb\n]0;xc"


@given(st.text(), st.integers(1, 20))
def test_one_line_is_one_line_within_its_limit(text: str, limit: int) -> None:
    shown = one_line(text, limit)
    assert len(shown.splitlines()) <= 1
    assert len(shown) <= limit
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in shown)


@given(st.text() | st.text("\\`|<![]\n*"))
def test_no_mark_of_markdown_stands_unescaped(text: str) -> None:
    shown = escaped(text)
    for place, c in enumerate(shown):
        before = len(shown[:place]) - len(shown[:place].rstrip("\\"))
        assert c not in "`*_[]<>|!" or before % 2 == 1


def test_a_bare_address_is_no_link() -> None:
    assert escaped("www.e.com https://e.com a@e.com") == r"www\.e.com https\://e.com a\@e.com"

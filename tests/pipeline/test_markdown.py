"""Text from outside stays text, whatever it holds."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.markdown import code_span, fenced, table, with_intervals

HOSTILE = "a|b\n# c <script>x</script> ![i](http://e) `d` \\| \x1b[31m\u202e ---"


@given(st.text() | st.sampled_from([HOSTILE, "`", "|", "\\", "www.e.com"]))
def test_no_text_ends_its_span_or_block(text: str) -> None:
    span = code_span(text)
    assert span == "-" or (span.count("`") == 2 and "|" not in span)
    assert "\n" not in span
    fence, *_, last = fenced(text, "").split("\n")
    assert last == fence
    assert fence not in fenced(text, "")[len(fence) : -len(fence)]


def test_a_table_aligns_numbers_and_shows_outside_text_in_spans() -> None:
    frame = pl.DataFrame({"name": ["a|b", None], "n": [1234, None], "is_x": [True, False]})
    rows = ["| name | n | is_x |", "| --- | ---: | --- |", "| `a¦b` | 1,234 | True |", "| - | - | False |"]
    assert table(frame, code=("name",)).split("\n") == rows


def test_a_rate_and_its_interval_are_one_text() -> None:
    frame = pl.DataFrame({"rate": [0.5, None], "low": [0.25, None], "high": [0.75, None]})
    assert with_intervals(frame, "rate", "low", "high", shape=".0%")["rate"].to_list() == ["50% (25% to 75%)", "-"]

"""Generated tokens are read as thinking and answer, cut where they were stopped, and counted as they were generated."""

from typing import Any

import pytest

from pipeline.local_model.completion import read_completion


class Letters:
    """A tokenizer with a token a byte, and `;` as the end: what a completion says, without a model."""

    end_ids = (ord(";"),)

    def text(self, ids: Any) -> str:
        return bytes(ids).decode(errors="replace").replace(";", "")

    def width(self, id: int) -> int:
        return len(self.text([id]))


@pytest.mark.parametrize(
    ("said", "stop", "opens", "expected"),
    [
        ("<think>ab</think>c;", [], False, ("c", "ab", "stop", 19, 2)),
        ("ab</think>c;", [], True, ("c", "ab", "stop", 12, 2)),
        ("ab</think>c;", [], False, ("c", "ab", "stop", 12, 2)),
        ("<think>ab</think>c", [], True, ("c", "ab", "length", 18, 2)),
        ("<think>abc", [], False, ("", "abc", "length", 10, 3)),
        ("abc;", [], True, ("", "abc", "stop", 4, 3)),
        ("abc;", [], False, ("abc", None, "stop", 4, 0)),
        ("<think></think>c;", [], False, ("c", None, "stop", 17, 0)),
        ("ab!c!", ["!", "b!"], False, ("a", None, "stop", 5, 0)),
        ("<think>a!", ["!"], False, ("", "a", "stop", 9, 1)),
        ("<think>é€</think>é;", [], False, ("é", "é€", "stop", 23, 5)),
        ("é</think>é", [], True, ("é", "é", "length", 12, 2)),
        (";", [], False, ("", None, "stop", 1, 0)),
        ("", [], False, ("", None, "length", 0, 0)),
    ],
)
def test_tokens_are_read_as_thinking_and_answer(
    said: str, stop: list[str], opens: bool, expected: tuple[Any, ...]
) -> None:
    letters: Any = Letters()
    read = read_completion(letters, list(said.encode()), stop=stop, opens_thinking=opens)
    assert (read.text, read.reasoning, read.finish_reason, read.n_tokens, read.n_reasoning_tokens) == expected

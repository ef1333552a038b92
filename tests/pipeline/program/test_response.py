"""Which code a response stands by."""

import pytest

from pipeline.program.response import codes, looks_like_code

F = "def f(x):\n    return x\n"
G = "def f(x):\n    return -x\n"


def fenced(*blocks: str, language: str = "python") -> str:
    return "\n".join(f"Some text.\n```{language}\n{block}```" for block in blocks)


@pytest.mark.parametrize(
    ("response", "found"),
    [
        (F, [F]),
        (fenced(F), [F]),
        (fenced(F, language=""), [F]),
        (fenced(F, F), [F]),
        (fenced(F, "print(f(1))\n"), [F]),
        (fenced("print(f(1))\n", F), [F]),
        (fenced(F, G), [F, G]),
        (fenced("a = 1\n", "b = 1\n"), ["a = 1\n", "b = 1\n"]),
        (fenced(F) + "\n" + fenced("1 2 3\n", language="text"), [F]),
        (fenced("echo hi\n", language="bash"), []),
        (f"~~~py\n{F}~~~", [F]),
        (f"  ```Python title=x\n{F}  ```", [F]),
        (f"````\n```\n{F}```\n````", [f"```\n{F}```\n"]),
        (f"```python\n{F}", [F]),
        ("```python\n```", []),
        ("```", []),
        (f"<think>{fenced(G)}</think>{fenced(F)}", [F]),
        (f"<think>{fenced(G)}", []),
        ("", []),
        (" \n", []),
    ],
)
def test_the_code_of_a_response(response: str, found: list[str]) -> None:
    assert [code.text for code in codes(response, ["f"])] == found


def test_a_name_is_a_whole_name() -> None:
    assert [code.text for code in codes(fenced("def ff(): pass\n", F), ["f"])] == [F]


@pytest.mark.parametrize("text", ["", "I cannot help with that.", "The answer is 4 == 2 + 2", "十二 ½", "(" * 1000])
def test_prose_is_no_code(text: str) -> None:
    assert not looks_like_code(text)


@pytest.mark.parametrize("text", ["    return x +", "x += (1", "import", "a[0].b = ", "text\nfor x in"])
def test_broken_code_is_meant_to_be_code(text: str) -> None:
    assert looks_like_code(text)


@pytest.mark.parametrize("text", ["`" * 10**5, "```\n" * 10**5, " " * 10**5, "a." * 10**5, "\t" * 10**5 + "x"])
def test_long_texts_are_read_in_no_time(text: str) -> None:
    assert len(codes(text, ["f"])) <= 10**5
    assert looks_like_code(text) in (True, False)

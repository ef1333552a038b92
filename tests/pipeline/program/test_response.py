"""Which code a response stands by."""

import pytest

from pipeline.program.response import codes, looks_like_code

F = "def f(x):\n    return x\n"
G = "def f(x):\n    return -x\n"
IN_DOCSTRING = 'def f(x):\n    """\n    ```\n    f(1)\n    ```\n    """\n'


def indented(text: str, by: str) -> str:
    return "".join(f"{by}{line}" for line in text.splitlines(keepends=True))


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
        (f"1. So:\n\n    ```python\n{indented(F, '    ')}    ```\n2. Done.", [F]),
        (f"- ```python\n{indented(F, '  ')}  ```", [F]),
        (f"- So:\n\t```python\n{indented(F, chr(9))}\t```", [F]),
        (f"{fenced(G)}\n<answer>\n{fenced(F)}\n</answer>", [F]),
        (f"<answer>\n{F}</answer>", [f"\n{F}"]),
        (f"<answer>\n</answer>\n{fenced(F)}", [F]),
        (fenced(IN_DOCSTRING), [IN_DOCSTRING]),
        (fenced(F, language="python3.11"), [F]),
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


@pytest.mark.parametrize(
    "text",
    [f"Here is the code:\n\n{F}", f"{F}\nIt adds one, as asked.", f"[PYTHON]\n{F}[/PYTHON]", f"<code>\n{F}</code>"],
)
def test_code_that_cannot_be_told_from_text_is_none(text: str) -> None:
    assert not looks_like_code(text)


@pytest.mark.parametrize("text", ["    return x +", "x += (1", "import", "a[0].b = ", "text\nfor x in"])
def test_broken_code_is_meant_to_be_code(text: str) -> None:
    assert looks_like_code(text)


@pytest.mark.parametrize(
    "text",
    [
        "`" * 10**5,
        "```\n" * 10**5,
        " " * 10**5,
        "a." * 10**5,
        "\t" * 10**5 + "x",
        "<answer>\n" * 10**5,
        "a b" * 10**5,
        "1. " * 10**5,
    ],
)
def test_long_texts_are_read_in_no_time(text: str) -> None:
    assert len(codes(text, ["f"])) <= 10**5
    assert looks_like_code(text) in (True, False)

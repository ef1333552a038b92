"""Guidelines that people were given never change; another text is another version."""

from pathlib import Path

import pytest

from annotation.guideline_files import FOLDER, MAX_CHARS, guideline_names, load_guidelines
from annotation.questions import QUESTIONS
from pipeline.plan_text import parse_plan, render_plan
from schemas.annotation import Annotate
from schemas.errors import RecipeError

RELEASED = {
    "plans-1": "f03e9135545d25c0c359c2f2b790e34e",
}
"""The digest of all guidelines that come with the project; their name is part of every record's id."""


def own(tmp_path: Path, text: str, name: str = "mine.md") -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", guideline_names())
def test_released_guidelines_never_change(name: str) -> None:
    assert name in RELEASED, "new guidelines: pin their digest above"
    assert load_guidelines(name).digest() == RELEASED[name], (
        f"people answered by {name}: leave it as it was and make a new file beside it"
    )


def test_no_released_guidelines_are_gone_and_the_recipe_names_some() -> None:
    assert set(RELEASED) <= set(guideline_names())
    assert Annotate().guidelines in RELEASED


@pytest.mark.parametrize("name", guideline_names())
def test_the_guidelines_name_every_label_and_option(name: str) -> None:
    text = load_guidelines(name).text.lower()
    labels = [label.lower() for question in QUESTIONS for label in question.options.values() if len(label) > 1]
    assert [label for label in labels if label not in text and not label.startswith("plan ")] == []


def test_the_plan_that_the_guidelines_show_is_read_as_it_stands() -> None:
    lines = load_guidelines("plans-1").text.splitlines()
    example = "\n".join(line[4:] for line in lines if line.startswith("    ") or not line)
    shown = example[example.index("Strategy:") :].strip()
    plan = parse_plan(shown)
    assert (plan.status, len(plan.steps), plan.steps[2]["depends_on"]) == ("parsed", 3, ["1", "2"])
    assert render_plan(plan._asdict()) == shown


def test_guidelines_of_your_own_have_a_version_that_follows_the_text(tmp_path: Path) -> None:
    first = load_guidelines(own(tmp_path, "Be kind."))
    second = load_guidelines(own(tmp_path, "Be strict."))
    assert first.version.startswith("mine-")
    assert len(first.version) == len("mine-") + 8
    assert first.version != second.version


def test_line_ends_and_white_space_at_the_end_make_no_version(tmp_path: Path) -> None:
    texts = ["Be kind.\nAlways.", "Be kind.\r\nAlways.\r\n\n", "\ufeffBe kind.\nAlways. "]
    assert len({load_guidelines(own(tmp_path, text)).version for text in texts}) == 1


def test_a_copy_of_released_guidelines_is_another_version(tmp_path: Path) -> None:
    copy = load_guidelines(own(tmp_path, load_guidelines("plans-1").text, "plans-1.md"))
    assert copy.version.startswith("plans-1-")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("plan-1", "annotate.guidelines: unknown guidelines 'plan-1'; did you mean 'plans-1'"),
        ("house", r"there are plans-1.* \(a file of your own is named with a slash, such as ./house\)"),
        ("", "unknown guidelines ''"),
        ("..", "unknown guidelines '..'"),
    ],
)
def test_an_unknown_name_says_which_there_are(name: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_guidelines(name)


def test_a_file_that_is_not_there_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=rf"there is no file .*none.md; begin with a copy: cp {FOLDER}"):
        load_guidelines(f"{tmp_path}/none.md")


@pytest.mark.parametrize(
    ("text", "message"), [(" \n", "no text"), ("x" * (MAX_CHARS + 1), "found 10,001 characters, the server takes")]
)
def test_a_text_that_the_server_would_refuse_is_refused_here(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_guidelines(own(tmp_path, text))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="cannot read these guidelines"):
        load_guidelines(f"{tmp_path}/mine.md")

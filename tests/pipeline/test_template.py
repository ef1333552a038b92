"""Templates are files that never change once released; what is wrong with one of your own is said in one line."""

from pathlib import Path

import pytest

from pipeline.template import FIELDS, FOLDER, load_template, template_names
from schemas.errors import RecipeError

RELEASED = {
    "plain-1": "f752df865adc836239490c2c91d5af08",
    "short-1": "f88995ca97ee83a104254d9685b4d13d",
}
"""The digest of every template that comes with the project; it is part of every `generator_id`."""


def own(tmp_path: Path, **texts: str) -> str:
    """A folder with a template of one's own, as the recipe names it."""
    for kind, fields in FIELDS.items():
        text = texts.get(kind, " ".join(f"{{{field}}}" for field in sorted(fields)))
        (tmp_path / f"{kind}.txt").write_text(text, encoding="utf-8")
    return str(tmp_path)


@pytest.mark.parametrize("name", template_names())
def test_a_released_template_never_changes(name: str) -> None:
    assert name in RELEASED, "a new template: pin its digest above"
    assert load_template(name).digest() == RELEASED[name], (
        f"{name} is part of the identity of rollouts: leave it as it was and make a new folder beside it, "
        f"such as {name.rpartition('-')[0]}-{int(name.rpartition('-')[2]) + 1}"
    )


def test_no_released_template_is_gone() -> None:
    assert set(RELEASED) <= set(template_names())


@pytest.mark.parametrize("name", template_names())
def test_a_released_template_holds_its_files_and_nothing_else(name: str) -> None:
    assert {path.name for path in (FOLDER / name).iterdir()} == {f"{kind}.txt" for kind in FIELDS}


@pytest.mark.parametrize("name", template_names())
@pytest.mark.parametrize("kind", FIELDS)
def test_every_kind_of_request_shows_all_it_is_given(name: str, kind: str) -> None:
    fields = {field: f"<{field} 1>" for field in FIELDS[kind] - {"problem"}}
    (message,) = load_template(name).messages(kind, [{"role": "user", "content": "<problem>"}], **fields)
    shown = [text for text in ("<problem>", *fields.values()) if text not in message["content"]]
    assert [text for text in shown if text != "<n 1>"] == []


def test_a_folder_of_your_own_is_named_by_its_path(tmp_path: Path) -> None:
    template = load_template(own(tmp_path, solve="Solve: {problem}\n"))
    assert (template.name, template.texts["solve"]) == (tmp_path.name, "Solve: {problem}")


def test_a_path_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    own(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert load_template("./mine").name == "mine"


def test_the_digest_is_of_the_texts_and_not_of_their_place(tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in "abc")
    for folder in (first, second, other):
        folder.mkdir()
    digests = [load_template(own(folder)).digest() for folder in (first, second)]
    assert digests[0] == digests[1] != load_template(own(other, guess="Guess {problem}")).digest()


def test_only_the_last_message_of_the_user_is_put_into_the_template() -> None:
    said = [
        {"role": "system", "content": "Be {brief}."},
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "2 + 2?"},
    ]
    sent = load_template("short-1").messages("guess", said)
    assert sent == [*said[:3], {"role": "user", "content": "answer 2 + 2?"}]
    assert said[3]["content"] == "2 + 2?"


def test_a_turn_of_the_assistant_at_the_end_stays_there() -> None:
    said = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "It is"}]
    assert load_template("short-1").messages("guess", said) == [{"role": "user", "content": "answer 1 + 1?"}, said[1]]


def test_a_prompt_without_a_user_gets_the_request_alone() -> None:
    (system, user) = load_template("short-1").messages("write_plan", [{"role": "system", "content": "Sort 3 1 2."}])
    assert system == {"role": "system", "content": "Sort 3 1 2."}
    assert user == {"role": "user", "content": "plan"}


@pytest.mark.parametrize("text", ["{x} in {1, 2}", "{problem}", "{{", "}", "{plan} {0} {a.b[c]!r:>9}", "%s %(x)s"])
def test_braces_in_problems_and_plans_stay_as_they_are(text: str) -> None:
    said = [{"role": "user", "content": text}]
    (message,) = load_template("short-1").messages("execute", said, plan=f"plan {text}")
    assert message["content"] == f"do {text}\nplan {text}"


def test_doubled_braces_are_braces(tmp_path: Path) -> None:
    template = load_template(own(tmp_path, solve='{problem} Answer as {{"answer": 1}}.'))
    (message,) = template.messages("solve", [{"role": "user", "content": "1 + 1?"}])
    assert message["content"] == '1 + 1? Answer as {"answer": 1}.'


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("plain", r"unknown template 'plain'; did you mean 'plain-1'\?"),
        ("zzz", r"unknown template 'zzz'; there are plain-1, short-1 \(a folder of your own is named with a slash"),
        ("./nowhere", r"there is no template folder ./nowhere; begin with a copy: cp -r .*plain-1 ./nowhere"),
    ],
)
def test_an_unknown_template_is_told_with_what_there_is(name: str, words: str) -> None:
    with pytest.raises(RecipeError, match=f"^recipe.toml line 9: {words}") as error:
        load_template(name, where="recipe.toml line 9")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("solve", "{problem} {plan}", r"unknown field \{plan\}; solve.txt may use \{problem\}"),
        ("execute", "{problem} {plan} {}", r"unknown field \{\}; execute.txt may use \{plan\}, \{problem\}"),
        ("expand", "{strategy}", r"\{problem\} is missing, so that the model would never see it"),
        ("execute", "do {problem}", r"\{plan\} is missing"),
        ("guess", "", r"\{problem\} is missing"),
        ("guess", "{problem", r"a brace that is meant as such is doubled"),
        ("guess", "{problem} }", r"a brace that is meant as such is doubled"),
        ("guess", '{problem} {"answer": 1}', r'unknown field \{"answer": 1\}.*doubled'),
    ],
)
def test_a_wrong_field_is_told_with_its_file(tmp_path: Path, kind: str, text: str, words: str) -> None:
    name = own(tmp_path, **{kind: text})
    with pytest.raises(RecipeError, match=f"^template: .*/{kind}.txt: .*{words}") as error:
        load_template(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["{problem.x}", "{problem[0]}", "{problem!r}", "{problem:>9}", "{problem:{plan}}"])
def test_a_field_is_a_plain_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(RecipeError, match=r"solve\.txt: "):
        load_template(own(tmp_path, solve=text))


def test_strategies_need_not_say_how_many(tmp_path: Path) -> None:
    assert load_template(own(tmp_path, strategies="ways {problem}")).texts["strategies"] == "ways {problem}"


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    name = own(tmp_path)
    (tmp_path / "guess.txt").unlink()
    with pytest.raises(RecipeError, match=r"^models\.target: .*guess\.txt: there is no such file; begin with a copy: "):
        load_template(name, where="models.target")


def test_a_file_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    name = own(tmp_path)
    (tmp_path / "solve.txt").write_bytes(b"{problem} \xff")
    with pytest.raises(RecipeError, match=r"solve\.txt: cannot read this file of the template: "):
        load_template(name)

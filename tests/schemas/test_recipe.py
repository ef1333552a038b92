"""Recipes: what is wrong is said in one line, with its place and what to write instead."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from schemas.errors import RecipeError
from schemas.recipe import Band, Export, PluginSettings, Recipe, Settings, identity_fields
from schemas.recipe_file import explain, load_recipe

MINIMAL = """\
name = "demo"

[sources.tasks]
kind = "files"
path = "tasks.jsonl"

[models.target]
kind = "replay"
"""


def _recipe(tmp_path: Path, text: str = MINIMAL) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _refusal(path: Path, *overrides: str) -> str:
    with pytest.raises(RecipeError) as error:
        load_recipe(path, overrides)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_minimal_recipe_has_defaults_for_the_rest(tmp_path: Path) -> None:
    recipe, _ = load_recipe(_recipe(tmp_path))
    assert (recipe.band.low, recipe.band.high, recipe.band.max_samples) == (0.1, 0.9, 32)


def test_a_plugins_own_settings_are_left_to_it(tmp_path: Path) -> None:
    source = load_recipe(_recipe(tmp_path))[0].sources["tasks"]
    assert (source.kind, source.options) == ("files", {"path": "tasks.jsonl"})


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("[band]\nlo = 0.2\n", "line 11: unknown key 'band.lo'; did you mean 'low'?"),
        ("[bands]\nlow = 0.2\n", "line 10: unknown key 'bands'; did you mean 'band'?"),
        ("[band]\nlow = 0.9\nhigh = 0.1\n", "line 10: band: low must be below high: low is 0.9, high is 0.1"),
        ("[band]\nlow = 0.5\nhigh = 0.5\n", "line 10: band: low must be below high: low is 0.5, high is 0.5"),
        ("[band]\nbatch = 40\n", "line 10: band: max_samples must be at least batch: 32 < 40"),
        ("[band]\nlow = -1\n", "line 11: band.low: input should be greater than or equal to 0, found -1"),
        ('[band]\nbatch = "four"\n', "line 11: band.batch: input should be a valid integer"),
        (
            '[band]\nrule = "luck"\n',
            "line 11: band.rule: input should be 'jeffreys', 'curtailed', 'optimal' or 'fixed', found \"luck\"",
        ),
        ("[band]\nconfidence = 0.4\n", "line 11: band.confidence: input should be greater than 0.5, found 0.4"),
        ("[band]\nconfidence = 1\n", "line 11: band.confidence: input should be less than 1"),
        (
            '[band]\nrule = "optimal"\nmax_samples = 8\n',
            "line 10: band: max_samples must be at least as_good_as: 8 < 16",
        ),
        ("[work]\nworkers = 0\n", "line 11: work.workers: input should be greater than or equal to 1, found 0"),
        ('[screen]\nthreshold = "high"\n', "line 11: screen.threshold: input should be a valid number"),
        (
            '[models.hero]\nkind = "replay"\n',
            "line 10: models.hero: input should be 'target', 'strong', 'planner', 'executor' or",
        ),
        ('[models.executor]\ntemplate = "plain-1"\n', "line 10: 'models.executor.kind' is missing; it is required"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(tmp_path: Path, added: str, message: str) -> None:
    path = _recipe(tmp_path, f"{MINIMAL}\n{added}")
    assert _refusal(path).startswith(f"{path} {message}")


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ('name = "demo"\n', "'name' is missing; it is required"),
        ('[sources.tasks]\nkind = "files"\npath = "tasks.jsonl"\n', "'sources' is missing; it is required"),
        ('[models.target]\nkind = "replay"\n', "'models' is missing; it is required"),
        ('kind = "files"\n', "'sources.tasks.kind' is missing; it is required"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, removed: str, message: str) -> None:
    assert message in _refusal(_recipe(tmp_path, MINIMAL.replace(removed, "")))


def test_a_recipe_needs_a_target(tmp_path: Path) -> None:
    text = MINIMAL.replace("models.target", "models.planner")
    assert "models.target is missing" in _refusal(_recipe(tmp_path, text))


@pytest.mark.parametrize("who", ["teachable", "edge"])
def test_what_a_stronger_model_solves_needs_that_model(tmp_path: Path, who: str) -> None:
    message = f"models.strong is missing: keep.who = {who!r} asks what it solves"
    assert message in _refusal(_recipe(tmp_path, f'{MINIMAL}\n[keep]\nwho = "{who}"\n'))


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "no.toml").endswith("no.toml: cannot read the recipe: No such file or directory")


@pytest.mark.parametrize("content", [b"name = demo", b"[band\n", b"name = '\xff'"])
def test_text_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    assert _refusal(path).startswith(f"{path}: not valid TOML: ")


@pytest.mark.parametrize("override", ["band.low=0.3", "band.low = 0.3"])
def test_a_setting_can_be_overridden(tmp_path: Path, override: str) -> None:
    assert load_recipe(_recipe(tmp_path), [override])[0].band.low == 0.3


def test_a_value_that_is_not_toml_is_a_string(tmp_path: Path) -> None:
    assert load_recipe(_recipe(tmp_path), ["data=some/folder"])[0].data == "some/folder"


def test_an_override_reaches_a_plugins_settings(tmp_path: Path) -> None:
    recipe, _ = load_recipe(_recipe(tmp_path), ["sources.tasks.path=other.jsonl"])
    assert recipe.sources["tasks"].options == {"path": "other.jsonl"}


def test_the_last_override_counts(tmp_path: Path) -> None:
    assert load_recipe(_recipe(tmp_path), ["band.low=0.2", "band.low=0.3"])[0].band.low == 0.3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("band.low", "--set band.low: wanted NAME=VALUE, such as band.low=0.2"),
        ("=3", "--set =3: wanted NAME=VALUE"),
        ("name.first=x", "--set name.first=x: 'name' is a value, not a table"),
        ("band.lwo=0.2", "unknown key 'band.lwo'; did you mean 'low'?"),
        ("band.low=2", "band.low: input should be less than 1, found 2"),
    ],
)
def test_a_wrong_override_is_one_line(tmp_path: Path, override: str, message: str) -> None:
    assert message in _refusal(_recipe(tmp_path), override)


@given(st.floats(0, 0.99), st.floats(0.01, 1))
def test_a_band_is_ordered_or_refused(low: float, high: float) -> None:
    if low < high:
        assert Band(low=low, high=high).low < high
    else:
        with pytest.raises(ValueError, match="low must be below high"):
            Band(low=low, high=high)


def test_identity_leaves_out_what_may_change() -> None:
    assert identity_fields(Band()) == {"batch": 4}


def _models(model: type[BaseModel]) -> list[type[BaseModel]]:
    inner = [field.annotation for field in model.model_fields.values()]
    return [model, *(m for a in inner if isinstance(a, type) and issubclass(a, BaseModel) for m in _models(a))]


@pytest.mark.parametrize("model", [*_models(Recipe), PluginSettings], ids=lambda model: model.__name__)
def test_every_setting_is_described(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        is_section = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        assert is_section or (field.description or "").endswith("."), name


@pytest.mark.parametrize("model", _models(Recipe), ids=lambda model: model.__name__)
def test_no_section_takes_unknown_keys(model: type[BaseModel]) -> None:
    passes_on_to_its_plug_in = model is Export
    assert passes_on_to_its_plug_in or issubclass(model, Settings)
    assert model.model_config["extra"] == ("allow" if passes_on_to_its_plug_in else "forbid")


class _Circle(Settings):
    kind: Literal["circle"]
    radius: float


class _Square(Settings):
    kind: Literal["square"]
    side: float


class _Drawing(Settings):
    shapes: list[Annotated[_Circle | _Square, Field(discriminator="kind")]] = Field(min_length=1)
    corners: list[int] = Field([1, 2], min_length=2)


@pytest.mark.parametrize(
    ("shape", "hint"),
    [({"kind": "circle", "radus": 1}, "did you mean 'radius'"), ({"kind": "square", "raduis": 1}, "kind, side")],
)
def test_a_misspelt_key_of_a_table_in_a_list_is_told_the_keys_of_its_kind(shape: dict[str, Any], hint: str) -> None:
    with pytest.raises(ValidationError) as raised:
        _Drawing.model_validate({"shapes": [shape]})
    assert hint in explain(raised.value, _Drawing, "here")


@pytest.mark.parametrize(
    ("drawing", "said"),
    [
        (
            {"shapes": [{"kind": "sqare"}]},
            "here: shapes.0.kind: found 'sqare', wanted one of circle, square; did you mean 'square'?",
        ),
        ({"shapes": [{"kind": 5}]}, "here: shapes.0.kind: found '5', wanted one of circle, square"),
        ({"shapes": [{"side": 1}]}, "here: 'shapes.0.kind' is missing; it is required"),
        ({"shapes": []}, "here: shapes: found an empty list, wanted at least 1 item"),
        (
            {"shapes": [{"kind": "square", "side": 1}], "corners": [7]},
            "here: corners: found [7], wanted at least 2 items",
        ),
    ],
)
def test_a_wrong_kind_or_a_short_list_is_told_in_plain_words(drawing: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        _Drawing.model_validate(drawing)
    assert explain(raised.value, _Drawing, "here") == said


def test_a_misspelt_key_below_a_role_is_told_the_keys_of_its_table() -> None:
    raw = {"name": "a", "sources": {"s": {"kind": "files"}}, "models": {"target": {"kind": "m", "price": {"promt": 1}}}}
    with pytest.raises(ValidationError) as raised:
        Recipe.model_validate(raw)
    assert "did you mean 'prompt'" in explain(raised.value, Recipe, "here")

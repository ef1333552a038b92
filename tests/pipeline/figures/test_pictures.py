"""Every picture is whole, the same every time, and shows names letter for letter."""

import struct
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from pipeline.figures import pictures
from pipeline.figures.difficulty import Difficulty
from pipeline.figures.drawing import DPI, PANEL_HEIGHT, WIDTH, drawable
from pipeline.figures.measured import ANSWERS, ROLE
from pipeline.figures.pictures import KINDS, Picture, can_draw, draw, is_figure
from schemas.errors import InputError
from schemas.recipe import Band
from schemas.tables import REGIONS

SVG = "{http://www.w3.org/2000/svg}"
NAMES = [kind.name for kind in KINDS]


def frame(rows: list[tuple[Any, ...]], *names: str) -> pl.DataFrame:
    types = {"role": ROLE, "region": pl.Enum(REGIONS), "answer": pl.Enum(ANSWERS)}
    return pl.DataFrame(rows, list(names), orient="row", schema_overrides={k: types[k] for k in names if k in types})


def measured(*roles: str, scale: int = 1, **columns: Any) -> Difficulty:
    """Rows of every kind for each role, with counts that are `scale` times as large."""
    rates = ("role", "rate_low", "rate_high")
    bins = [(role, k / 20, (k + 1) / 20, (k % 5) * scale) for role in roles for k in range(20)]
    spent = [(role, region, n % 2 == 0, scale, 9 * scale, 0, 9.0, 700 * scale, 32 * scale, 23 * scale)
             for role in roles for n, region in enumerate(REGIONS)]  # fmt: skip
    tokens = [(role, k / 10, (k + 1) / 10, answer, 3, 50.0 * k + 9)
              for role in roles for k in range(3) for answer in ANSWERS]  # fmt: skip
    return replace(
        Difficulty(
            band=Band(),
            models={role: f"{role}-model" for role in roles},
            edges=((0.1, 0.9),),
            histogram=frame([*bins, *[(role, None, None, scale) for role in roles]], *rates, "n_prompts"),
            spent=frame(spent, "role", "region", "is_decided", "n_prompts", "n_samples", "n_truncated", "samples_each",
                        "n_tokens", "n_fixed", "n_saved"),
            tokens=frame(tokens, *rates, "answer", "n_rollouts", "tokens_mean"),
            tokens_per_correct=frame([(role, 0.1, 0.2, 3, 1, 90, 90.0) for role in roles], *rates, "n_rollouts",
                                     "n_right", "n_tokens", "tokens_per_correct"),
            calibration=frame([(role, 0.0, 0.01, scale, 0.0, 0.02) for role in roles], "role", "error_low",
                              "error_high", "n_prompts", "stated", "expected"),
            pass_at_k=frame([(role, k, scale, 0.5, None, None) for role in roles for k in (1, 2, 4)], "role", "k",
                            "n_prompts", "pass_at_k", "ci_low", "ci_high"),
            stated=pl.DataFrame(),
        ),
        **columns,
    )  # fmt: skip


def size(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def drawn(name: str, numbers: Difficulty) -> Picture:
    return KINDS[NAMES.index(name)].draw(numbers, "png", "svg")


@pytest.mark.parametrize("scale", [1, 1_000_000])
def test_every_picture_is_a_png_and_an_svg_of_a_cards_width(scale: int) -> None:
    found = draw(measured("target", scale=scale), "png", "svg")
    assert [picture.name for picture in found] == NAMES
    for picture in found:
        assert size(picture.images["png"]) == (round(WIDTH * DPI), round(PANEL_HEIGHT * DPI))
        assert ET.fromstring(picture.images["svg"]).tag == f"{SVG}svg"
        assert picture.alt.encode() in picture.images["svg"]


def test_two_models_have_a_panel_each() -> None:
    numbers = measured("target", "strong")
    assert size(drawn("pass-rates", numbers).images["png"])[1] == round(2 * PANEL_HEIGHT * DPI)
    assert size(drawn("pass-at-k", numbers).images["png"])[1] == round(PANEL_HEIGHT * DPI)


@pytest.mark.slow
def test_the_same_numbers_give_the_same_bytes_whatever_the_machine_prefers() -> None:
    import matplotlib

    first = draw(measured("target", "strong"), "png", "svg")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "none"}):
        second = draw(measured("target", "strong"), "png", "svg")
        assert matplotlib.rcParams["font.size"] == 30
    assert [(a.images["png"], a.images["svg"]) for a in first] == [(b.images["png"], b.images["svg"]) for b in second]


def test_numbers_that_are_missing_leave_their_picture_out() -> None:
    whole = measured("target")
    uncounted = replace(
        whole,
        tokens=whole.tokens.clear(),
        tokens_per_correct=whole.tokens_per_correct.with_columns(tokens_per_correct=pl.lit(None, pl.Float64)),
        calibration=whole.calibration.clear(),
        spent=whole.spent.with_columns(n_tokens=pl.lit(None, pl.Int64)),
    )
    assert [picture.name for picture in draw(uncounted)] == ["pass-rates", "samples-spent", "pass-at-k"]


@pytest.mark.parametrize("name", ["$x^2$ $\\frac{", "a_b\n# c <script>&", "模型 \u202e\x1b[31m", "m" * 500, ""])
def test_a_models_name_is_no_mathematics_markup_or_control_sequence(name: str) -> None:
    picture = drawn("pass-rates", measured("target", models={"target": name}))
    assert not list(ET.fromstring(picture.images["svg"]).iter(f"{SVG}script"))
    assert size(picture.images["png"])[0] == round(WIDTH * DPI)


def test_characters_without_a_glyph_become_question_marks_and_long_names_are_cut() -> None:
    assert drawable("Qwen 模型_$8B$") == "Qwen ??_$8B$"
    assert len(drawable("m" * 500)) == 60


def test_edges_that_verifiers_moved_are_shaded_too() -> None:
    moved = measured("target", edges=((0.1, 0.9), (0.12, 0.86)))
    assert drawn("pass-rates", moved).images["svg"] != drawn("pass-rates", measured("target")).images["svg"]


def test_a_picture_goes_with_its_numbers() -> None:
    picture = drawn("pass-at-k", measured("target"))
    files = picture.files()
    assert sorted(files) == ["pass-at-k.csv", "pass-at-k.png", "pass-at-k.svg"]
    assert files["pass-at-k.csv"].splitlines()[1] == b"target,1,1,0.5,,"
    assert all(is_figure(name) for name in files)
    assert not any(is_figure(name) for name in ("notes.txt", "pass-at-k.txt", "holiday.png", "pass-at-k"))


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)
    assert not can_draw()
    with pytest.raises(InputError, match=r"pip install '\.\[pictures\]'") as raised:
        pictures.draw(measured("target"))
    assert "\n" not in str(raised.value)

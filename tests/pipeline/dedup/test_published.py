"""What is published already: an index that grows, and texts from anywhere else."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline.dedup.file import decide, input_of
from pipeline.dedup.published import Index, Texts, add, open_index, require_same_texts
from pipeline.dedup.texts import parts_of
from pipeline.store import Run
from schemas.errors import RecipeError, StoreError
from schemas.recipe import Similarity
from schemas.tables import Published

HOW = Similarity()
LONG = "a train leaves the station at noon and travels west at sixty miles an hour until it stops for water at {}"


def frame(**texts: str) -> pl.DataFrame:
    return pl.DataFrame({"id": list(texts), "text": list(texts.values())}, schema={"id": pl.String, "text": pl.String})


def grown(where: Path, rows: pl.DataFrame, how: Similarity = HOW) -> Run:
    run, input = open_index(str(where), how), input_of(rows)
    require_same_texts(run, input.rows["id"], input.parts, how)
    add(run, input.parts, input.rows.with_row_index("row").select("row", "id"), how)
    return run


def against(run: Run, rows: pl.DataFrame, memory: int = 1 << 30) -> pl.DataFrame:
    input = input_of(rows)
    require_same_texts(run, input.rows["id"], input.parts, HOW)
    return decide(input, HOW, Index(run, input.rows["id"]), memory).rows


@pytest.mark.parametrize("memory", [1, 1 << 30])
def test_copies_of_what_is_published_name_it(tmp_path: Path, memory: int) -> None:
    run = grown(tmp_path, frame(a="other", b=LONG.format("x")))
    found = against(run, frame(p=LONG.format("y"), q=LONG.format("X").upper(), r="new"), memory)
    assert found.select("id", "keeper_id", "similarity", "reason").rows() == [
        ("p", "b", 17 / 19, "published"),
        ("q", "b", 1.0, "published"),
        ("r", None, None, "kept"),
    ]


def test_an_index_grows_by_parts_that_are_all_compared(tmp_path: Path) -> None:
    backwards = " ".join(reversed(LONG.split()))
    grown(tmp_path, frame(a=LONG.format("x"), b="first", c="other"))
    run = grown(tmp_path, frame(d=backwards, e="second"))
    assert len(run.part_paths(Published)) == 2
    assert against(run, frame(p=LONG.format("y"), q="second"))["keeper_id"].to_list() == ["a", "e"]
    assert against(run, frame(p=f"{backwards} y", q="first"))["keeper_id"].to_list() == ["d", "b"]


def test_texts_are_added_from_each_part_of_an_input(tmp_path: Path) -> None:
    rows = frame(a="one", b="two", c="three", d="four", e="five")
    parts = [part for start in (0, 2, 4) for part in parts_of(rows["text"][start : start + 2], start)]
    kept = rows.with_row_index("row").select("row", "id").filter(pl.col("id") != "c")
    run = open_index(str(tmp_path), HOW)
    assert add(run, parts, kept, HOW) == 4
    found = against(run, rows.with_columns(id=pl.lit("new ") + pl.col("id")))
    assert sorted(found["keeper_id"].drop_nulls()) == ["a", "b", "d", "e"]
    assert found.filter("is_kept")["id"].to_list() == ["new c"]


def test_rows_that_are_in_the_index_are_not_copies_of_themselves(tmp_path: Path) -> None:
    rows = frame(a=LONG.format("x"), b=LONG.format("y"), c="other")
    run = grown(tmp_path, rows.filter(pl.col("id") != "b"))
    before = run.read(Published)
    assert against(run, rows)["reason"].to_list() == ["kept", "near_duplicate", "kept"]
    assert_frame_equal(grown(tmp_path, rows.filter(pl.col("id") != "b")).read(Published), before)


def test_whole_numbers_are_ids_of_an_index(tmp_path: Path) -> None:
    rows = pl.DataFrame({"id": [10, 9], "text": ["one", "two"]})
    run = grown(tmp_path, rows)
    assert against(run, rows)["reason"].to_list() == ["kept", "kept"]
    assert against(run, rows.with_columns(id=pl.col("id") + 2))["keeper_id"].to_list() == ["9", "10"]


def test_an_id_with_another_text_is_an_error_before_anything_is_added(tmp_path: Path) -> None:
    run = grown(tmp_path, frame(a="one"))
    with pytest.raises(StoreError, match="another text under the id 'a'; give new texts new ids"):
        grown(tmp_path, frame(z="new", a="two"))
    with pytest.raises(StoreError, match="another text under the id 'a'"):
        against(run, frame(a="two", b="one"))
    assert run.read(Published).height == 1


def test_an_index_without_rows_drops_nothing(tmp_path: Path) -> None:
    run = grown(tmp_path, frame())
    assert run.manifest(Published)
    assert against(run, frame(a="one"))["reason"].to_list() == ["kept"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ngram": 3}, "ngram 5 where this command has 3"),
        ({"unit": "character", "num_perm": 64}, "unit 'word' where this command has 'character', num_perm 128 .* 64"),
        ({"mask_numbers": True}, "mask_numbers False where this command has True"),
    ],
)
def test_an_index_made_with_other_settings_is_refused(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    grown(tmp_path, frame(a="one"))
    with pytest.raises(StoreError, match=said):
        open_index(str(tmp_path), Similarity.model_validate(changed))


def test_two_first_writers_with_other_settings_do_not_mix(tmp_path: Path) -> None:
    rows = frame(a=LONG.format("x"))
    input, kept = input_of(rows), rows.with_row_index("row").select("row", "id")
    one, other = (HOW.model_copy(update={"num_perm": n}) for n in (128, 64))
    first, second = open_index(str(tmp_path), one), open_index(str(tmp_path), other)
    assert add(first, input.parts, kept, one) == 1
    with pytest.raises(StoreError, match="num_perm 128 where this command has 64"):
        add(second, input_of(frame(b="other")).parts, kept.with_columns(id=pl.lit("b")), other)
    assert open_index(str(tmp_path), one).keys(Published)["id"].to_list() == ["a"]


def test_threshold_and_recall_may_change(tmp_path: Path) -> None:
    grown(tmp_path, frame(a="one"))
    assert open_index(str(tmp_path), Similarity(threshold=0.5, recall=0.9)).manifest(Published)


def test_templates_do_not_go_with_an_index(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"max_document_share: found 0.1, wanted 1"):
        open_index(str(tmp_path), Similarity(max_document_share=0.1))


def test_texts_from_anywhere_are_compared_with() -> None:
    others = Texts(pl.Series(["set:1", "set:2"]), pl.Series(["unlike", LONG.format("x")]))
    found = decide(input_of(frame(a=LONG.format("y"), b=LONG.format("y") + " z")), HOW, others).rows
    assert found["keeper_id"].to_list() == ["set:2", "set:2"]
    assert found["similarity"].to_list() == [17 / 19, 17 / 20]


def test_two_published_texts_are_not_compared_with_each_other(tmp_path: Path) -> None:
    """Both are kept: a row that is only near the second must be dropped for it."""
    words = [f"w{i}" for i in range(60)]
    first, second, ours = (" ".join(words[start : start + 40]) for start in (0, 4, 8))
    found = against(grown(tmp_path, frame(a=first, b=second)), frame(p=ours))
    assert found["keeper_id"].to_list() == ["b"]


def test_hashes_of_an_index_do_not_change_between_versions(tmp_path: Path) -> None:
    """Where this fails, old indexes no longer find copies: change `hash` in `settings_of` with what is wanted here."""
    row = grown(tmp_path, frame(a="Make 24 from 3, 8 and 5.")).read(Published).row(0, named=True)
    assert [f"{hash:x}" for hash in row["shingles"]] == ["663b32814d2deec7", "b4258db68a32d9b0", "3d32e2ceed27e706"]
    assert np.frombuffer(row["signature"], np.uint32)[:2].tolist() == [306461624, 335471193]
    assert row["digest"].hex() == "f49282001b15a0db2f5885d19b9335bc"

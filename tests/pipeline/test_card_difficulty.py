"""The card tells difficulty as it was measured, in words that stay true whatever the policy was."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from pipeline.card_difficulty import band_told, difficulty_section, report_told
from pipeline.evidence import Evidence, evidence_of
from pipeline.figures.difficulty import Difficulty
from pipeline.figures.measured import ROLE
from pipeline.figures.pictures import Picture
from pipeline.pass_rates.band_error import SCHEMA
from schemas.recipe import Band
from schemas.tables import REGIONS, TABLES, table_name

FIGURES = ("error", "impure", "lost")


def stated(*groups: tuple[str, int, int, float | None], role: str = "target") -> pl.DataFrame:
    """group, n_prompts, n_kept and one share for every figure, in an interval that reaches a hundredth each way."""
    rows = [
        {"group": group, "n_prompts": n, "n_kept": kept}
        | {f"{name}{end}": None if share is None else share + by
           for name in FIGURES for end, by in (("", 0), ("_low", -0.01), ("_high", 0.01))}
        for group, n, kept, share in groups
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA).select(pl.lit(role, ROLE).alias("role"), pl.all())


def spent(*rows: tuple[Any, ...], role: str = "target") -> pl.DataFrame:
    """region, is_decided, n_prompts, n_samples, n_truncated and n_tokens, at no more than 32 samples a prompt."""
    made = [
        {"role": role, "region": region, "is_decided": decided, "n_prompts": n, "n_samples": samples,
         "n_truncated": cut, "samples_each": samples / n, "n_tokens": tokens, "n_fixed": 32 * n,
         "n_saved": 32 * n - samples}
        for region, decided, n, samples, cut, tokens in rows
    ]  # fmt: skip
    return pl.DataFrame(made, schema_overrides={"role": ROLE, "region": pl.Enum(REGIONS), "n_tokens": pl.Int64})


@pytest.fixture
def evidence() -> Evidence:
    """A hundred measured problems, forty of them in the band."""
    empty = {table_name(table): table.create_empty() for table in TABLES}
    found = evidence_of(empty, {"recipe": {"name": "p", "band": {"low": 0.1, "high": 0.9}}}, [])
    measured = replace(
        found.difficulty,
        band=Band(),
        models={"target": "qwen|`x`"},
        edges=((0.1, 0.9),),
        spent=spent(("in_band", True, 40, 400, 0, 9000), ("too_hard", False, 60, 1200, 7, None)),
        stated=stated(("decided", 40, 40, 0.02), ("capped", 60, 0, 0.3), ("all", 100, 40, 0.188)),
        pass_at_k=pl.DataFrame({"role": ["target"], "k": [1], "n_prompts": [90], "pass_at_k": [0.25]}),
    )
    return replace(found, difficulty=measured)


def section(evidence: Evidence, *, pictures: tuple[Picture, ...] = (), **columns: Any) -> str:
    changed = replace(evidence.difficulty, **columns)
    return "\n\n".join(difficulty_section(replace(evidence, difficulty=changed), pictures, "figures"))


def test_the_band_its_rule_and_its_models_are_told(evidence: Evidence) -> None:
    told = section(evidence)
    assert "those of `qwen¦'x'` (target) that could be rated; the band is 0.1 to 0.9" in told
    assert "until one region had a posterior probability of 0.95 under the prior of Jeffreys or there were 32" in told
    assert "Each problem was sampled 32 times (rule `fixed`)" in section(evidence, band=Band(rule="fixed"))
    assert "under a prior fitted to a pilot, or there were 32" in section(evidence, band=Band(rule="optimal"))
    assert "would change its region (rule `curtailed`)" in section(evidence, band=Band(rule="curtailed"))


def test_what_cut_off_answers_count_as_is_told_with_their_number(evidence: Evidence) -> None:
    assert "cut off (7) count as neither right nor wrong" in section(evidence)
    assert "cut off (7) count as wrong" in section(evidence, band=Band(truncated="incorrect"))
    assert "No answer was cut off" in section(evidence, spent=spent(("in_band", True, 4, 40, 0, None)))


def test_the_stated_error_is_told_of_decided_and_undecided_problems_apart(evidence: Evidence) -> None:
    told = section(evidence)
    assert "18.8% are expected in the wrong region (2.0% of those decided and 30.0% of those left undecided)" in told
    assert "of those taken to be in the band, 18.8% are not; of those really in it, 18.8% are taken for" in told
    assert "| capped | 60 | 0 | 30.0% (29.0% to 31.0%) |" in told
    assert "fitted to the run's own counts" in told


def test_an_error_that_is_not_stated_is_said_to_be_unknown(evidence: Evidence) -> None:
    told = section(evidence, stated=stated(("decided", 4, 4, None), ("capped", 0, 0, None), ("all", 4, 4, None)))
    assert "regions of the target are wrong is not stated: too few problems" in told
    assert "expected in the wrong region" not in told


def test_samples_are_told_by_region_beside_a_fixed_number(evidence: Evidence) -> None:
    told = section(evidence)
    assert "Measuring took 1,600 samples, 50% fewer than the 3,200 that 32 for each problem would be" in told
    assert "| in band | yes | 40 | 400 | 0 | 10.0 | 9,000 | 1,280 | 880 |" in told
    more = section(evidence, spent=spent(("in_band", True, 1, 40, 0, None)))
    assert "40 samples, more than the 32" in more


def test_edges_that_verifiers_moved_are_told(evidence: Evidence) -> None:
    assert "Rogan" not in section(evidence)
    assert "where they show them (Rogan and Gladen 1978): 0.11 to 0.856." in section(evidence, edges=((0.11, 0.856),))


def test_pictures_are_shown_by_relative_path_and_only_where_they_are(evidence: Evidence) -> None:
    picture = Picture("pass-rates", "Prompts by pass rate", {}, pl.DataFrame())
    assert "![Prompts by pass rate](figures/pass-rates.png)" in section(evidence, pictures=(picture,))
    assert "![" not in section(evidence)
    assert "![Prompts by pass rate](pass-rates.png)" in report_told("n", evidence.difficulty, (picture,))


def decisions(*rows: tuple[str, str, int, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, ["decision", "reason", "n_prompts", "n_examples"], orient="row")


def test_every_decision_is_told_with_its_reason(evidence: Evidence) -> None:
    rows = [("kept", "in_band", 40, 9), ("later", "too_hard", 50, 0), ("dropped", "guessable", 10, 0)]
    told = "\n".join(difficulty_section(replace(evidence, decisions=decisions(*rows)), (), ""))
    assert "| kept for later | too hard for now | 50 | 0 |" in told
    assert "| left out | answered without reasoning | 10 | 0 |" in told


def test_the_regions_of_two_models_are_told(evidence: Evidence) -> None:
    both = pl.DataFrame({"region": ["too_hard"], "strong_region": ["in_band"], "n_prompts": [3]})
    told = "\n".join(difficulty_section(replace(evidence, by_models=both), (), ""))
    assert "| too hard | in band | 3 |" in told


def test_examples_of_other_problems_than_those_in_the_band_are_not_said_to_be_in_it(evidence: Evidence) -> None:
    within = ", and every problem is neither too easy nor too hard: its pass rate is taken to lie in 0.1 to 0.9"
    assert band_told(replace(evidence, decisions=decisions(("kept", "in_band", 4, 9)))) == within
    rows = [("kept", "in_band", 4, 9), ("kept", "teachable", 1, 2), ("kept", "replayed", 1, 1)]
    told = band_told(replace(evidence, decisions=decisions(*rows)))
    assert told.startswith(". Of 9 the problem is neither too easy nor too hard")
    assert "; of 2 it is too hard for the target, and solved by the stronger model" in told
    assert "; of 1 it is too easy, and replayed" in told


def test_a_run_that_measured_nothing_has_only_its_histogram() -> None:
    empty = evidence_of({table_name(table): table.create_empty() for table in TABLES}, {}, [])
    heading, histogram = difficulty_section(empty, (), "")
    assert heading == "## Difficulty"
    assert histogram.startswith("```text\npass rate")


def test_a_reports_title_is_escaped(evidence: Evidence) -> None:
    difficulty: Difficulty = evidence.difficulty
    assert "# Difficulty of a \\<b\\> \\![i](http\\://e)".replace("[i]", "\\[i\\]") in report_told(
        "a\n<b> ![i](http://e)", difficulty, ()
    )

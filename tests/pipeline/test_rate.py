"""The ledger, the pass rate and the decision of the tables of a run."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline import rate
from pipeline.ledger import COUNTS, ENTRIES, UNDECIDED_COUNTS
from pipeline.pass_rates.stopping import Rule
from schemas.errors import SchemaError
from schemas.ids import content_id
from schemas.tables import PassRates, Rollouts, Verdicts, frame_of, polars_schema

RULE = Rule()
PROMPT, TARGET = content_id("prompt", n=0), content_id("generator", n=0)
RIGHT, WRONG, TRUNCATED = ("correct", "correct"), ("incorrect", "wrong_answer"), ("undecided", "truncated")
PILOT = ((16, 0, 40, None), (16, 8, 20, None), (16, 16, 40, None))
RULES = [Rule(), Rule(rule="curtailed"), Rule(rule="fixed"), Rule(rule="optimal", pilot_counts=PILOT)]


def tables(*samples: tuple[str, str], **columns: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rollouts and verdicts of one prompt; samples are (outcome, reason) in sampling order."""
    rollouts, verdicts = [], []
    for index, (outcome, reason) in enumerate(samples):
        key = {"rollout_id": content_id("rollout", n=index, **columns)}
        name = {"prompt_id": PROMPT, "generator_id": TARGET, "arm": "solve", "plan_id": "", "phase": "screen"} | columns
        rollouts.append({**key, **name, "sample_index": index})
        verdicts.append({**key, "verifier": "math", "verifier_version": "1", "outcome": outcome, "reason": reason})
    return frame_of(Rollouts, rollouts), frame_of(Verdicts, verdicts)


def rated(*samples: tuple[str, str], band: Rule = RULE) -> dict[str, Any]:
    return rate.run(*tables(*samples), band).row(0, named=True)


def test_one_row_has_the_declared_columns() -> None:
    result = rate.run(*tables(RIGHT, WRONG, RIGHT, WRONG), RULE)
    expected = {
        "prompt_id": PROMPT, "generator_id": TARGET, "verifier": "math", "arm": "solve", "plan_id": "",
        "phase": "screen", "n_correct": 2, "n_incorrect": 2, "pass_rate": 0.5, "region": "in_band", "is_decided": True,
        "stop_rule": "jeffreys", "n_first_round": 4, "c_first_round": 2, "tokens_mean": None,
    }  # fmt: skip
    assert result.schema == polars_schema(PassRates)
    assert result.select(*expected).row(0, named=True) == expected


@pytest.mark.parametrize("reason", ENTRIES[2:])
def test_what_has_no_verdict_is_not_wrong_and_is_counted_by_its_reason(reason: str) -> None:
    row = rated(RIGHT, ("undecided", reason))
    assert {name: row[name] for name in COUNTS if row[name]} == {"n_correct": 1, f"n_{reason}": 1}
    assert row["pass_rate"] == 1


def test_a_correct_verdict_with_an_undecided_reason_is_correct() -> None:
    assert rated(("correct", "timeout"))["n_correct"] == 1


def test_a_prompt_without_a_verdict_is_unmeasured_and_has_no_numbers() -> None:
    row = rated(*[("undecided", "no_answer")] * 32)
    numbers = ("pass_rate", "ci_low", "ci_high", "p_below", "p_in", "p_above")
    assert [row[name] for name in numbers] == [None] * 6
    assert (row["region"], row["is_decided"], row["n_first_round"]) == ("unmeasured", False, 0)


def test_a_region_below_the_confidence_is_the_most_probable_one_and_says_so() -> None:
    row = rated(RIGHT, RIGHT, RIGHT, RIGHT)
    assert row["p_in"] < row["p_above"] < 0.95
    assert (row["region"], row["is_decided"]) == ("too_easy", False)


def test_truncated_answers_count_as_wrong_where_the_band_says_so() -> None:
    samples = [RIGHT, TRUNCATED, TRUNCATED, WRONG, RIGHT]
    asked, wrong = rated(*samples), rated(*samples, band=Rule(truncated="incorrect"))
    assert [row["n_rated"] for row in (asked, wrong)] == [3, 5]
    assert [row["pass_rate"] for row in (asked, wrong)] == [2 / 3, 2 / 5]
    assert [(row["n_first_round"], row["c_first_round"]) for row in (asked, wrong)] == [(2, 1), (4, 1)]
    assert {name: asked[name] for name in COUNTS} == {name: wrong[name] for name in COUNTS}
    assert wrong["p_above"] < asked["p_above"]


def test_a_prompt_whose_answers_are_all_cut_off_is_unmeasured_unless_they_are_wrong() -> None:
    assert rated(*[TRUNCATED] * 20)["region"] == "unmeasured"
    assert rated(*[TRUNCATED] * 20, band=Rule(truncated="incorrect"))["region"] == "too_hard"


@given(st.fixed_dictionaries(dict.fromkeys(COUNTS, st.integers(0, 9))), st.sampled_from(["undecided", "incorrect"]))
def test_unmeasured_is_exactly_where_nothing_was_rated(ledger: dict[str, int], truncated: str) -> None:
    row = rate.decide(pl.DataFrame([ledger]), Rule.model_validate({"truncated": truncated})).row(0, named=True)
    rated = ledger["n_correct"] + ledger["n_incorrect"] + (truncated == "incorrect") * ledger["n_truncated"]
    assert row["n_rated"] == rated
    assert (row["region"] == "unmeasured") == (row["pass_rate"] is None) == (row["p_in"] is None) == (rated == 0)


@given(st.integers(1, 64), st.floats(0, 0.49), st.floats(0.5, 1), st.sampled_from(RULES))
def test_more_right_answers_never_lower_the_region(n: int, low: float, high: float, rule: Rule) -> None:
    right = pl.int_range(n + 1, eager=True, dtype=pl.Int32)
    others = [pl.lit(0).alias(name) for name in UNDECIDED_COUNTS]
    ledgers = pl.DataFrame({"n_correct": right, "n_incorrect": n - right}).with_columns(others)
    regions = rate.decide(ledgers, rule.model_copy(update={"low": low, "high": high}))["region"]
    assert regions.to_physical().is_sorted()
    fewer_wrong = rate.decide(ledgers.with_columns(n_correct=pl.lit(n)), rule)["region"].to_physical()
    assert fewer_wrong.is_sorted()


def test_rollouts_judged_by_two_versions_are_refused_and_both_are_shown() -> None:
    rollouts, verdicts = tables(RIGHT, WRONG)
    newer = verdicts.head(1).with_columns(verifier_version=pl.lit("2"))
    with pytest.raises(
        SchemaError, match=f"{PROMPT}.* math version 1 and math version 2, wanted one of them; "
    ) as error:
        rate.run(rollouts, pl.concat([verdicts, newer]), RULE)
    assert "\n" not in str(error.value)


def test_prompts_may_differ_in_the_version_that_judged_them() -> None:
    old, new = tables(RIGHT), tables(WRONG, prompt_id=content_id("prompt", n=1))
    verdicts = pl.concat([old[1], new[1].with_columns(verifier_version=pl.lit("2"))])
    assert rate.run(pl.concat([old[0], new[0]]), verdicts, RULE).height == 2


def test_only_the_newest_version_of_a_verifier_counts() -> None:
    rollouts, verdicts = tables(WRONG)
    newer = verdicts.with_columns(
        verifier_version=pl.lit("10"), outcome=pl.lit("correct").cast(verdicts["outcome"].dtype)
    )
    older = verdicts.with_columns(verifier_version=pl.lit("9"))
    row = rate.run(rollouts, pl.concat([newer, older]), RULE).row(0, named=True)
    assert (row["n_correct"], row["n_incorrect"]) == (1, 0)


def test_a_rollout_without_a_verdict_is_counted_nowhere() -> None:
    rollouts, verdicts = tables(RIGHT, WRONG)
    row = rate.run(rollouts, verdicts.head(1), RULE).row(0, named=True)
    assert sum(row[name] for name in COUNTS) == 1


def test_arms_phases_plans_and_generators_are_rated_apart() -> None:
    samples = [tables(RIGHT, arm=arm, generator_id=name) for arm in ("solve", "guess") for name in ("g", "h")]
    result = rate.run(*(pl.concat(frames) for frames in zip(*samples, strict=True)), RULE)
    assert result.select("arm", "generator_id", "n_correct").rows() == [
        (arm, name, 1) for name in ("g", "h") for arm in ("solve", "guess")
    ]


def test_tokens_are_taken_over_the_rollouts_that_have_them() -> None:
    rollouts, verdicts = tables(RIGHT, WRONG, RIGHT)
    rollouts = rollouts.with_columns(n_completion_tokens=pl.Series([100, 300, None], dtype=pl.Int32))
    row = rate.run(rollouts, verdicts, RULE).row(0, named=True)
    assert (row["tokens_mean"], row["tokens_per_correct"]) == (200, 400)
    assert rated(RIGHT)["tokens_per_correct"] is None


def test_tokens_for_each_correct_one_are_unknown_where_none_is_correct() -> None:
    rollouts, verdicts = tables(WRONG)
    row = rate.run(rollouts.with_columns(n_completion_tokens=pl.lit(7, pl.Int32)), verdicts, RULE).row(0, named=True)
    assert (row["tokens_mean"], row["tokens_per_correct"]) == (7, None)


def test_the_first_round_is_the_batch_or_all_that_the_fixed_rule_takes() -> None:
    samples = [RIGHT, ("undecided", "timeout"), WRONG, RIGHT, RIGHT]
    row, fixed = rated(*samples), rated(*samples, band=Rule(rule="fixed", max_samples=5))
    assert (row["n_first_round"], row["c_first_round"]) == (3, 2)
    assert (fixed["n_first_round"], fixed["c_first_round"]) == (4, 3)


def test_no_rollouts_give_no_rows_of_the_declared_types() -> None:
    assert_frame_equal(rate.run(*tables(), RULE), frame_of(PassRates, []))


@settings(max_examples=50)
@given(st.lists(st.sampled_from(ENTRIES), min_size=1, max_size=20), st.randoms())
def test_the_order_of_rows_changes_nothing_and_every_verdict_is_counted_once(entries: list[str], random: Any) -> None:
    samples = [(entry, "") if entry in ("correct", "incorrect") else ("undecided", entry) for entry in entries]
    rollouts, verdicts = tables(*samples)
    result = PassRates.validate(rate.run(rollouts, verdicts, RULE))
    shuffled = [frame.sample(fraction=1, shuffle=True, seed=random.randrange(99)) for frame in (rollouts, verdicts)]
    assert_frame_equal(result, rate.run(*shuffled, RULE))
    row = result.row(0, named=True)
    assert {name: row[name] for name in COUNTS} == {f"n_{entry}": entries.count(entry) for entry in ENTRIES}

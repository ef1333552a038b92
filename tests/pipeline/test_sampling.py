"""Which samples are wanted: whole rounds, until the band is decided, the cap is met or the recording ends."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline import rate
from pipeline.ledger import COUNTS
from pipeline.pass_rates.stopping import Rule
from pipeline.rate_file import rate_rows
from pipeline.sampling import wanted
from schemas.ids import content_id, rollout_id
from schemas.tables import PassRates, Prompts, Rollouts, Screened, Verdicts, frame_of

TARGET = content_id("generator", n=0)
A, B, C = (content_id("prompt", n=n) for n in range(3))
RULE = Rule(batch=4, max_samples=10)
FIXED = Rule(rule="fixed", batch=4, max_samples=10)
PILOT = ((8, 0, 40, None), (8, 4, 20, None), (8, 8, 40, None))
OPTIMAL = Rule(rule="optimal", batch=3, max_samples=10, as_good_as=8, pilot_counts=PILOT)
CURTAILED = Rule(rule="curtailed", batch=2, max_samples=10)
TRUNCATED = Rule(batch=2, max_samples=10, truncated="incorrect")
ENTRIES = st.sampled_from(["correct", "incorrect", "timeout", "truncated"])
PROMPTS = frame_of(Prompts, [{"prompt_id": prompt, "verifier": "math"} for prompt in (A, B, C)])
SCREENED = frame_of(
    Screened,
    [
        {"prompt_id": A, "decision": "kept"},
        {"prompt_id": B, "decision": "kept"},
        {"prompt_id": C, "decision": "dropped"},
    ],
)


def rates(prompt_id: str = A, generator_id: str = TARGET, **counts: int) -> pl.DataFrame:
    key = {"generator_id": generator_id, "verifier": "math", "arm": "solve", "plan_id": "", "phase": "screen"}
    ledger = dict.fromkeys(COUNTS, 0) | counts
    frame = frame_of(PassRates, [{"prompt_id": prompt_id, **key, **ledger}]).select(*key, "prompt_id", *COUNTS)
    return rate.decide(frame, RULE)


def n_wanted(pass_rates: pl.DataFrame, rule: Rule = RULE) -> dict[str, int]:
    return dict(wanted(PROMPTS, SCREENED, pass_rates, rule, TARGET).group_by("prompt_id").len().rows())


def test_the_first_round_is_wanted_of_every_kept_prompt() -> None:
    result = wanted(PROMPTS, SCREENED, frame_of(PassRates, []), RULE, TARGET)
    expected = [(rollout_id(p, TARGET, i), p, i, "solve", "screen") for p in sorted((A, B)) for i in range(4)]
    assert result.rows() == expected
    assert result.columns == ["rollout_id", "prompt_id", "sample_index", "arm", "phase"]


@pytest.mark.parametrize(
    ("counts", "n"),
    [
        ({"n_correct": 1, "n_incorrect": 3}, 8),
        ({"n_correct": 2, "n_incorrect": 2}, 4),
        ({"n_correct": 1, "n_incorrect": 7}, 10),
        ({"n_correct": 1, "n_incorrect": 9}, 10),
        ({"n_incorrect": 1, "n_timeout": 3}, 8),
        ({"n_no_answer": 10}, 10),
        ({"n_incorrect": 1, "n_not_run": 3}, 4),
        ({"n_incorrect": 3}, 4),
    ],
    ids=["next round", "decided", "cap", "at the cap", "no verdict", "hopeless", "recording ended", "half a round"],
)
def test_a_prompt_goes_on_until_it_stops(counts: dict[str, int], n: int) -> None:
    assert n_wanted(rates(**counts)) == {A: n, B: 4}


def test_the_fixed_rule_wants_everything_at_once_and_looks_at_nothing() -> None:
    assert n_wanted(rates(n_correct=2, n_incorrect=2, n_not_run=1), FIXED) == {A: 10, B: 10}


def test_another_generators_results_stop_nobody() -> None:
    other = content_id("generator", n=1)
    assert n_wanted(rates(generator_id=other, n_correct=2, n_incorrect=2)) == {A: 4, B: 4}


def test_a_lower_cap_gives_no_sample_back() -> None:
    assert n_wanted(rates(n_correct=1, n_incorrect=7), Rule(batch=4, max_samples=4)) == {A: 8, B: 4}


def test_nothing_is_wanted_where_nothing_is_kept() -> None:
    assert wanted(PROMPTS, SCREENED.clear(), frame_of(PassRates, []), RULE, TARGET).is_empty()


@given(st.fixed_dictionaries(dict.fromkeys(COUNTS, st.integers(0, 4))))
def test_the_same_pass_rates_want_the_same_keys(counts: dict[str, int]) -> None:
    pass_rates = rates(**counts)
    once, again = (wanted(PROMPTS, SCREENED, pass_rates, RULE, TARGET) for _ in range(2))
    assert_frame_equal(once, again)
    assert once["rollout_id"].is_unique().all()


@settings(max_examples=40)
@given(
    st.lists(st.lists(ENTRIES, max_size=12), min_size=2, max_size=2),
    st.sampled_from([RULE, FIXED, CURTAILED, OPTIMAL, TRUNCATED]),
)
def test_the_loop_asks_for_what_a_replay_of_the_rule_would_use(recordings: list[list[str]], rule: Rule) -> None:
    recorded = {prompt: entries for prompt, entries in zip((A, B), recordings, strict=True) if entries}
    before, now = pl.DataFrame({"rollout_id": []}, schema={"rollout_id": pl.String}), frame_of(PassRates, [])
    while (asked := wanted(PROMPTS, SCREENED, now, rule, TARGET)).height > before.height:
        assert before.join(asked, on="rollout_id", how="anti").is_empty()
        before, now = asked, rate.run(*answered(asked, recorded), rule)
    rows = pl.DataFrame(
        [(prompt, *verdict(entry)) for prompt, entries in recorded.items() for entry in entries],
        schema={"prompt_id": pl.String, "outcome": pl.String, "reason": pl.String},
        orient="row",
    )
    replayed = rate_rows(rows, rule, sequential=True)
    counts = ["prompt_id", *(name for name in COUNTS if name != "n_not_run")]
    assert_frame_equal(now.filter(pl.col("prompt_id").is_in(list(recorded))).select(counts), replayed.select(counts))


def verdict(entry: str) -> tuple[str, str]:
    return (entry, entry) if entry in ("correct", "incorrect") else ("undecided", entry)


def answered(asked: pl.DataFrame, recorded: dict[str, list[str]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rollouts and verdicts of the samples that were asked for; `not_run` where the recording has no more."""
    rollouts, verdicts = [], []
    for key, prompt, index, *_ in asked.rows():
        entry = dict(enumerate(recorded.get(prompt, []))).get(index, "not_run")
        sample = {"arm": "solve", "phase": "screen", "plan_id": "", "generator_id": TARGET, "sample_index": index}
        rollouts.append({"rollout_id": key, "prompt_id": prompt, **sample})
        outcome, reason = verdict(entry)
        judged = {"verifier": "math", "verifier_version": "1", "outcome": outcome, "reason": reason}
        verdicts.append({"rollout_id": key, **judged})
    return frame_of(Rollouts, rollouts), frame_of(Verdicts, verdicts)

"""What is expected of a rule, against enumeration and published figures; the notes that it is worth reading first."""

from itertools import product
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipeline.pass_rates.operating import called_in_band, characteristics, endings, warnings_of
from pipeline.pass_rates.prior import beta_prior, draw_rates
from pipeline.pass_rates.stopping import Rule, regions, stops
from schemas.errors import RecipeError

SKYWORK = beta_prior(0.25, 0.19)
RULES = [
    Rule(rule="fixed", max_samples=7, low=0.2, high=0.8),
    Rule(rule="curtailed", max_samples=7, batch=2, low=0.2, high=0.8),
    Rule(rule="jeffreys", max_samples=7, batch=3, low=0.3, high=0.7, confidence=0.8),
    Rule(rule="optimal", max_samples=7, batch=1, low=0.2, high=0.8, as_good_as=5, beta=(0.25, 0.19)),
]


def ends(outcomes: tuple[int, ...], rule: Rule) -> tuple[int, str]:
    """Samples used and region called, of one prompt, round by round."""
    n = 0
    while True:
        n = min(n + rule.round_size(), rule.max_samples)
        state = pl.DataFrame({"n": [n], "c": [sum(outcomes[:n])], "n_left": [rule.max_samples - n]})
        if stops(state, rule).item():
            return n, str(regions(state.select("n", "c"), rule)["region"].item())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.rule))
def test_a_known_rate_ends_as_every_order_of_outcomes_says(rule: Rule) -> None:
    rate, total = 0.3, 0.0
    for outcomes in product((0, 1), repeat=rule.max_samples):
        c = sum(outcomes)
        is_in = ends(outcomes, rule)[1] == "in_band"
        total += is_in * rate**c * (1 - rate) ** (rule.max_samples - c)
    assert called_in_band(rule, rate) == pytest.approx(total)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.rule))
def test_shares_of_orders_give_every_prompt_one_end(rule: Rule) -> None:
    found = endings(rule)
    assert found.select("n", "c").is_unique().all()
    assert found["n"].max() <= rule.max_samples
    assert 0 < found["share"].min() <= found["share"].max() <= 1 + 1e-9
    rates = np.array([0.0001, 0.2, 0.5, 0.97])
    for nature in (beta_prior(rate * 1e3, (1 - rate) * 1e3) for rate in rates):
        told = characteristics(rule, nature)
        assert 1 <= told.samples <= rule.max_samples + 1e-9
        assert 0 <= told.error <= 1


@pytest.mark.parametrize("low", [0.1, 0.2])
@pytest.mark.parametrize(
    ("rule", "at_low", "at_high"),
    [
        ({"rule": "fixed", "max_samples": 8}, (8, 12.4, 20.6, 13.5), (8, 10.3, 22.5, 22.3)),
        ({"rule": "fixed", "max_samples": 16}, (16, 8.6, 12.8, 12.3), (16, 7.4, 12.6, 20.9)),
        ({"rule": "fixed", "max_samples": 32}, (32, 6.3, 7.0, 11.7), (32, 5.4, 10.7, 13.0)),
        ({"rule": "curtailed", "batch": 1, "max_samples": 16}, (12.5, 8.6, 12.8, 12.3), (13.0, 7.4, 12.6, 20.9)),
        ({"rule": "jeffreys"}, (20.3, 6.2, 7.0, 11.3), (17.3, 5.3, 10.7, 12.9)),
    ],
)
def test_simulated_figures_are_met(low: float, rule: dict[str, Any], at_low: Any, at_high: Any) -> None:
    found = characteristics(Rule(low=low, high=1 - low, **rule), SKYWORK)
    ours = (found.samples, 100 * found.error, 100 * found.impure, 100 * found.lost)
    assert ours == pytest.approx(at_low if low == 0.1 else at_high, abs=0.65)


def test_curtailed_is_fixed_with_fewer_samples() -> None:
    fixed, curtailed = (characteristics(Rule(rule=name, max_samples=16), SKYWORK) for name in ("fixed", "curtailed"))
    assert (curtailed.error, curtailed.impure, curtailed.lost) == pytest.approx((fixed.error, fixed.impure, fixed.lost))
    assert curtailed.samples < fixed.samples


def test_samples_and_tokens_are_counted_by_what_prompts_really_are() -> None:
    found = characteristics(Rule(), SKYWORK, tokens=(400.0, 100.0))
    shares = SKYWORK.shares(0.1, 0.9)
    assert np.dot(found.by_region, shares) == pytest.approx(found.samples)
    assert found.tokens is not None
    assert 100 * found.samples < found.tokens < 400 * found.samples
    assert characteristics(Rule(), SKYWORK).tokens is None
    assert characteristics(Rule(), SKYWORK, tokens=(7.0, 7.0)).tokens == pytest.approx(7 * found.samples)


def test_a_drawn_sample_agrees() -> None:
    rule, rng = Rule(rule="jeffreys", max_samples=16), np.random.default_rng(0)
    rates = draw_rates(SKYWORK, 4000, rng)
    right = (rng.random((4000, 16)) < rates[:, None]).cumsum(axis=1)
    used, open_ = np.zeros(4000), np.ones(4000, bool)
    for n in range(4, 17, 4):
        used[open_] = n
        states = pl.DataFrame({"n": [n] * 4000, "c": right[:, n - 1], "n_left": [16 - n] * 4000})
        open_ &= ~stops(states, rule).to_numpy()
    assert used.mean() == pytest.approx(characteristics(rule, SKYWORK).samples, abs=0.25)


def test_the_counts_that_a_band_really_keeps_are_told() -> None:
    note = warnings_of(Rule(rule="fixed", max_samples=16, low=0.2, high=0.8))[0]
    kept = "the band [0.2, 0.8] keeps 4 to 12 right answers: pass rates from 0.25 to 0.75"
    assert note == f"With 16 samples {kept}, so prompts near its edges are lost."


def test_a_band_that_no_count_lies_in_is_told() -> None:
    notes = warnings_of(Rule(rule="fixed", max_samples=3, batch=1, low=0.45, high=0.5))
    assert "no number of right answers is called in the band [0.45, 0.5]" in notes[0]


@pytest.mark.parametrize(("rule", "share"), [({"rule": "fixed", "max_samples": 16}, "19%"), ({}, "8%")])
def test_prompts_that_slip_in_are_told(rule: dict[str, Any], share: str) -> None:
    wanted = f"A prompt with a pass rate of 0.05, half of band.low, is called in band {share} of the time."
    assert wanted in warnings_of(Rule(**rule))


def test_what_does_not_matter_is_not_told() -> None:
    rule = Rule(rule="fixed", max_samples=256, low=0.2, high=0.8, verifier_errors=(("math", 0.001, 0.0),))
    assert warnings_of(rule) == []
    assert warnings_of(Rule(low=0, high=1, max_samples=16)) == []


def test_what_a_verifier_does_to_the_edges_is_told() -> None:
    assert any("0.9 becomes 0.909; from 10% on no prompt is too easy" in note for note in warnings_of(Rule()))
    measured = Rule(verifier_errors=(("math", 0.03, 0.01), ("blind", 0.5, 0.5)))
    notes = [note for note in warnings_of(measured) if "band.correct_verifiers" in note]
    assert notes[0].startswith(
        "math calls 3.0% of right answers wrong and 1.0% of wrong ones right: the band [0.1, 0.9]"
    )
    assert "really is [0.09, 0.93]" in notes[0]
    assert "cannot be told from its verdicts" in notes[1]
    corrected = measured.model_copy(update={"correct_verifiers": True})
    assert not [note for note in warnings_of(corrected) if "verifier" in note]


def test_an_optimal_rule_tells_where_it_falls_short() -> None:
    few = ((4, 0, 3, None), (4, 4, 3, None))
    notes = warnings_of(Rule(rule="optimal", pilot_counts=few, as_good_as=16, max_samples=16))
    assert any("only 6 prompts" in note for note in notes)
    short = warnings_of(
        Rule(rule="optimal", beta=(0.25, 0.19), batch=4, max_samples=32, as_good_as=32, low=0.05, high=0.5)
    )
    assert short[0].startswith("At most 32 samples are too few for rule optimal to be as good as 32 fixed ones")
    with pytest.raises(RecipeError, match=r"band\.pilot"):
        warnings_of(Rule(rule="optimal"))


def test_notes_fit_on_a_screen_and_name_no_float_noise() -> None:
    rule = Rule(low=0.1 + 0.2 / 3, high=2 / 3, max_samples=5, verifier_errors=(("math", 1 / 3, 1 / 7),))
    notes = warnings_of(rule)
    assert len(notes) == 3
    assert all(len(note) < 170 and "\n" not in note for note in notes)

"""Stopping rules as functions of counts: what each promises, for every sequence of outcomes."""

from itertools import product

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.pass_rates.prior import JEFFREYS, region_masses
from pipeline.pass_rates.stopping import Rule, optimal_plan, regions, stops
from schemas.errors import RecipeError

PILOT = ((8, 0, 40, None), (8, 2, 10, None), (8, 5, 12, None), (8, 8, 60, None))
OPTIMAL = Rule(rule="optimal", pilot_counts=PILOT, batch=2, max_samples=16, as_good_as=8)


def state(n: int, c: int, n_left: int) -> pl.DataFrame:
    return pl.DataFrame({"n": [n], "c": [c], "n_left": [n_left]})


def region(n: int, c: int, rule: Rule) -> str:
    return str(regions(pl.DataFrame({"n": [n], "c": [c]}), rule)["region"].item())


def sampled(outcomes: str, rule: Rule) -> tuple[int, str]:
    """Samples that a rule asks for of a prompt whose outcomes are these (r, w or u), and the region it ends in."""
    n_asked = 0
    while True:
        n_asked = min(n_asked + rule.round_size(), rule.max_samples)
        c = outcomes[:n_asked].count("r")
        n = c + outcomes[:n_asked].count("w")
        if stops(state(n, c, rule.max_samples - n_asked), rule).item():
            return n_asked, region(n, c, rule)


@settings(max_examples=150, deadline=None)
@given(
    st.text("rwu", min_size=12, max_size=12),
    st.integers(1, 5),
    st.sampled_from([(0.1, 0.9), (0.2, 0.8), (0.0, 0.5), (0.3, 1.0), (0.45, 0.55)]),
)
def test_curtailed_decides_as_fixed_whatever_comes(outcomes: str, batch: int, band: tuple[float, float]) -> None:
    low, high = band
    rules = [Rule(rule=name, batch=batch, max_samples=12, low=low, high=high) for name in ("curtailed", "fixed")]
    (n_used, found), (n_fixed, wanted) = (sampled(outcomes, rule) for rule in rules)
    assert found == wanted
    assert n_used <= n_fixed == 12


def test_curtailed_stops_as_soon_as_nothing_can_change() -> None:
    rule = Rule(rule="curtailed", batch=1, max_samples=10, low=0.2, high=0.8)
    assert sampled("rwrwrwrwrw", rule)[0] < 10
    assert sampled("w" * 10, rule) == (9, "too_hard")


@given(st.text("rwu", min_size=16, max_size=16))
@settings(max_examples=60, deadline=None)
def test_optimal_never_asks_for_more_than_the_cap_and_always_for_a_first_round(outcomes: str) -> None:
    n_used, _ = sampled(outcomes, OPTIMAL)
    assert 2 <= n_used <= 16


def test_optimal_stops_above_its_cap_and_reads_regions_there_under_its_prior() -> None:
    assert stops(state(40, 4, 3), OPTIMAL).item()
    masses = region_masses(OPTIMAL.prior(), [40], [4], low=0.1, high=0.9)
    found = regions(pl.DataFrame({"n": [40], "c": [4]}), OPTIMAL)
    assert found.select("p_below", "p_in", "p_above").row(0) == tuple(masses[0])


def test_nothing_stops_before_a_sample_was_rated() -> None:
    for name in ("jeffreys", "curtailed", "optimal", "fixed"):
        rule = OPTIMAL.model_copy(update={"rule": name})
        assert [stops(state(0, 0, left), rule).item() for left in (16, 1, 0)] == [False, False, True], name


def test_only_optimal_reads_regions_under_the_pilot() -> None:
    assert OPTIMAL.model_copy(update={"rule": "jeffreys"}).prior() is JEFFREYS
    assert OPTIMAL.prior() is not JEFFREYS


def test_optimal_without_a_pilot_says_which_setting_is_missing() -> None:
    rule = Rule(rule="optimal")
    for call in (lambda: stops(state(4, 0, 28), rule), lambda: regions(pl.DataFrame({"n": [4], "c": [0]}), rule)):
        with pytest.raises(RecipeError, match=r"^band\.pilot: found none, wanted a file of pilot counts.*jeffreys'$"):
            call()


def test_optimal_says_that_a_cap_is_too_high_to_be_worked_out() -> None:
    rule = Rule(rule="optimal", pilot_counts=PILOT, max_samples=257)
    with pytest.raises(RecipeError, match=r"^band\.max_samples: found 257, wanted at most 256"):
        stops(state(4, 0, 28), rule)


def test_a_rule_is_worked_out_once() -> None:
    assert optimal_plan(OPTIMAL) is optimal_plan(Rule.model_validate(OPTIMAL.model_dump()))


def test_the_answer_does_not_depend_on_the_order_or_number_of_rows() -> None:
    states = pl.DataFrame(list(product((2, 4, 8), (0, 1, 2), (8, 0))), schema=["n", "c", "n_left"], orient="row")
    one_by_one = [stops(row, OPTIMAL).item() for row in states.iter_slices(1)]
    assert stops(pl.concat([states, states.reverse()]), OPTIMAL).to_list() == one_by_one + one_by_one[::-1]


@pytest.mark.parametrize(
    ("low", "high", "n", "below", "inside", "above"),
    [
        (0.1, 0.9, 4, [], [2], []),
        (0.1, 0.9, 8, [], [3, 4, 5], []),
        (0.1, 0.9, 12, [], [4, 5, 6, 7, 8], []),
        (0.1, 0.9, 16, [], list(range(4, 13)), []),
        (0.1, 0.9, 20, [0], list(range(5, 16)), [20]),
        (0.2, 0.8, 8, [], [], []),
        (0.2, 0.8, 12, [0], [5, 6, 7], [12]),
        (0.2, 0.8, 16, [0], [6, 7, 8, 9, 10], [16]),
        (0.2, 0.8, 20, [0, 1], [8, 9, 10, 11, 12], [19, 20]),
        (0.2, 0.8, 28, [0, 1, 2], list(range(10, 19)), [26, 27, 28]),
    ],
)
def test_the_decision_table_of_jeffreys_at_95_percent(
    low: float, high: float, n: int, below: list[int], inside: list[int], above: list[int]
) -> None:
    pairs = pl.DataFrame({"n": n, "c": pl.int_range(n + 1, eager=True)})
    decided = regions(pairs, Rule(low=low, high=high)).filter("is_decided")
    found = [decided.filter(region=name)["c"].to_list() for name in ("too_hard", "in_band", "too_easy")]
    assert found == [below, inside, above]


@pytest.mark.parametrize(("low", "n"), [(0.1, 18), (0.2, 9), (0.05, 38)])
def test_how_many_failures_certify_a_rate_below_the_band(low: float, n: int) -> None:
    decided = regions(pl.DataFrame({"n": [n - 1, n], "c": [0, 0]}), Rule(low=low, high=0.95))["is_decided"]
    assert decided.to_list() == [False, True]

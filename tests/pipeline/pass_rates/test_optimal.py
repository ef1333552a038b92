"""Rule optimal: its plan is worth what it claims, as good as asked for, and no single change makes it cheaper."""

from itertools import product

import numpy as np
import pytest

from pipeline.pass_rates.course import Course, Sampling
from pipeline.pass_rates.operating import characteristics
from pipeline.pass_rates.optimal import CAUTION, plan
from pipeline.pass_rates.prior import JEFFREYS, Prior, beta_prior, mean_rates, region_masses
from pipeline.pass_rates.stopping import Rule, optimal_plan

SKYWORK = beta_prior(0.25, 0.19)
BANDS = [(0.1, 0.9), (0.2, 0.8), (0.0, 0.6)]


def probability(outcomes: tuple[int, ...], prior: Prior) -> float:
    """That these outcomes come, in this order: each by the mean rate after those before it."""
    found = 1.0
    for n, right in enumerate(outcomes):
        (rate,) = mean_rates(prior, [n], [sum(outcomes[:n])])
        found *= rate if right else 1 - rate
    return found


def enumerated(sampling: Sampling, table: np.ndarray) -> list[float]:
    """Samples, error and loss of a table of stops, summed over every order of outcomes."""
    cap, total = sampling.max_samples, np.zeros(3)
    rounds = [*range(sampling.batch, cap, sampling.batch), cap]
    for outcomes in product((0, 1), repeat=cap):
        n = next(n for n in rounds if table[n, sum(outcomes[:n])])
        c, band = sum(outcomes[:n]), {"low": sampling.low, "high": sampling.high}
        masses = region_masses(sampling.prior, [n], [c], **band)[0]
        mistakes = [1 - masses.max(), 0 if masses.argmax() == 1 else masses[1]]
        total += probability(outcomes, sampling.prior) * np.array([n, *mistakes])
    return total.tolist()


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize(("batch", "cap"), [(1, 6), (2, 7), (3, 8)])
def test_what_is_expected_is_what_every_order_of_outcomes_adds_up_to(
    band: tuple[float, float], batch: int, cap: int
) -> None:
    sampling = Sampling(SKYWORK, *band, batch, cap)
    found = plan(sampling, 4)
    outlook = found.outlook
    assert [outlook.tokens, outlook.error, outlook.lost] == pytest.approx(enumerated(sampling, found.table))


@pytest.mark.parametrize(("low", "high"), BANDS)
@pytest.mark.parametrize(("as_good_as", "cap"), [(8, 16), (16, 32), (16, 40)])
def test_it_is_as_good_as_the_fixed_samples_for_fewer(low: float, high: float, as_good_as: int, cap: int) -> None:
    found = plan(Sampling(SKYWORK, low, high, 4, cap), as_good_as)
    assert found.is_as_good
    assert found.outlook.error <= found.target.error + 1e-9
    assert found.outlook.lost <= found.target.lost + 1e-9
    assert found.outlook.tokens < as_good_as


def test_what_fixed_samples_are_worth_is_read_under_jeffreys() -> None:
    n, c = np.full(5, 4), np.arange(5)
    called = region_masses(JEFFREYS, n, c, low=0.3, high=0.6).argmax(axis=1)
    wrong = 1 - region_masses(SKYWORK, n, c, low=0.3, high=0.6)[c, called]
    ways = np.array([1, 4, 6, 4, 1]) * [probability((1,) * k + (0,) * (4 - k), SKYWORK) for k in c]
    assert Sampling(SKYWORK, 0.3, 0.6, 4, 4).fixed(4).error == pytest.approx(float(ways @ wrong))


@pytest.mark.parametrize(
    "rule", [{"low": 0.2, "high": 0.8}, {"batch": 3, "max_samples": 25}, {"batch": 1, "max_samples": 20}]
)
def test_the_forward_recursion_finds_what_the_backward_one_promises(rule: dict[str, float]) -> None:
    optimal = Rule.model_validate({"rule": "optimal", "beta": (0.25, 0.19)} | rule)
    outlook, found = optimal_plan(optimal).outlook, characteristics(optimal, SKYWORK)
    in_band = SKYWORK.shares(optimal.low, optimal.high)[1]
    assert (found.samples, found.error) == pytest.approx((outlook.tokens, outlook.error))
    assert found.lost * in_band == pytest.approx(outlook.lost)


def test_no_other_single_stop_would_save_samples_and_be_as_good() -> None:
    sampling = Sampling(SKYWORK, 0.2, 0.8, 2, 12)
    found, allowed = plan(sampling, 6), 1 - CAUTION

    def course(table: np.ndarray) -> Course:
        return sampling.course(lambda n, stop, go_on: table[n, : n + 1])

    for n in range(2, 12, 2):
        for c in range(n + 1):
            other = found.table.copy()
            other[n, c] ^= True
            outlook = course(other).outlook
            is_as_good = outlook.error <= allowed * found.target.error and outlook.lost <= allowed * found.target.lost
            assert not (is_as_good and outlook.tokens < found.outlook.tokens - 1e-6), (n, c)


def test_with_no_room_above_the_fixed_samples_it_decides_as_they_do() -> None:
    sampling = Sampling(JEFFREYS, 0.2, 0.8, 1, 10)
    found = plan(sampling, 10)
    assert found.is_as_good
    assert found.outlook.tokens < 10
    assert (found.outlook.error, found.outlook.lost) == pytest.approx((found.target.error, found.target.lost))


def test_where_the_cap_is_too_low_it_comes_as_near_as_it_can() -> None:
    found = plan(Sampling(SKYWORK, 0.1, 0.9, 1, 4), 32)
    assert not found.is_as_good
    assert found.outlook.error > found.target.error


def test_hard_prompts_are_left_earlier_where_their_samples_are_longer() -> None:
    plans = [plan(Sampling(SKYWORK, 0.1, 0.9, 4, 32, tokens), 16) for tokens in ((1.0, 1.0), (8.0, 1.0))]
    alike, dear = (characteristics_of(found.table) for found in plans)
    assert dear < alike


def characteristics_of(table: np.ndarray) -> float:
    """Samples of prompts below the band."""
    sampling = Sampling(beta_prior(1, 30), 0.1, 0.9, 4, 32)
    return sampling.course(lambda n, stop, go_on: table[n, : n + 1]).outlook.tokens


def test_the_scale_of_tokens_does_not_matter() -> None:
    one, thousand = (plan(Sampling(SKYWORK, 0.2, 0.8, 2, 16, (2 * x, x)), 8) for x in (1.0, 1000.0))
    assert (one.table == thousand.table).all()
    assert thousand.outlook.tokens == pytest.approx(1000 * one.outlook.tokens)


def test_at_the_cap_all_stop_and_at_the_start_nobody() -> None:
    table = plan(Sampling(SKYWORK, 0.1, 0.9, 4, 18), 8).table
    assert table.shape == (19, 19)
    assert table[18].all()
    assert not table[0, 0]


def test_states_between_rounds_are_decided_too() -> None:
    table = plan(Sampling(SKYWORK, 0.1, 0.9, 4, 32), 16).table
    assert not table[1, :2].all()
    assert not table[3, :4].all()
    assert table[19, 9]

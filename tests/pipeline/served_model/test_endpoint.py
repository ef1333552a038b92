"""An endpoint that failed is left alone, tried by one request, and asked again when that comes back."""

from typing import Any

import pytest

from pipeline.served_model.congestion import Window
from pipeline.served_model.endpoint import FIRST_REST_S, LONGEST_REST_S, Endpoint, Load

AWAY: Any = None
"""No test here sends anything."""


@pytest.fixture
def endpoint() -> Endpoint:
    """One with room for three requests."""
    return Endpoint(AWAY, Window(3))


def rested(endpoint: Endpoint, now: float = 0) -> float:
    """Send an endpoint to rest; the time at which that is over."""
    endpoint.rest(now, "gone")
    return endpoint.rests_until


def test_there_is_room_until_the_window_is_full(endpoint: Endpoint) -> None:
    slots = [endpoint.slot() for _ in range(3)]
    assert not endpoint.has_room(0)
    slots[0].give_back()
    assert endpoint.has_room(0)


def test_what_is_outstanding_is_counted_until_it_is_done(endpoint: Endpoint) -> None:
    first, second = endpoint.slot(), endpoint.slot()
    first.put(Load(100, 4))
    second.put(Load(10, 1))
    assert (endpoint.n_tokens, endpoint.n_samples) == (110, 5)
    first.give_back(answered=True)
    assert (endpoint.n_tokens, endpoint.n_samples) == (10, 1)


def test_a_slot_that_is_given_back_twice_counts_once(endpoint: Endpoint) -> None:
    slots = [endpoint.slot() for _ in range(3)]
    slots[0].put(Load(100, 4))
    slots[0].give_back()
    slots[0].give_back()
    assert (endpoint.n_tokens, endpoint.n_samples, endpoint.window.in_flight) == (0, 0, 2)


def test_a_rest_ends_with_room_for_one_request(endpoint: Endpoint) -> None:
    over = rested(endpoint)
    assert not endpoint.has_room(over - 0.001)
    assert endpoint.has_room(over)
    endpoint.slot()
    assert not endpoint.has_room(over)


def test_a_trial_that_ends_without_an_answer_leaves_room_for_the_next(endpoint: Endpoint) -> None:
    over = rested(endpoint)
    endpoint.slot().give_back()
    assert endpoint.has_room(over)
    endpoint.slot()
    again = rested(endpoint, over)
    assert endpoint.has_room(again)


def test_a_request_from_before_the_rest_ends_no_trial(endpoint: Endpoint) -> None:
    before = endpoint.slot()
    over = rested(endpoint)
    trial = endpoint.slot()
    before.give_back()
    assert (before.is_current, trial.is_current) == (False, True)
    assert not endpoint.has_room(over)


def test_an_answer_opens_the_whole_window_and_forgets_the_failures(endpoint: Endpoint) -> None:
    endpoint.n_failures = 5
    over = rested(endpoint)
    trial = endpoint.slot()
    endpoint.is_back()
    assert endpoint.has_room(over)
    assert (endpoint.n_failures, endpoint.n_rests, trial.is_current) == (0, 0, False)


def test_an_answer_where_nothing_was_amiss_starts_no_new_era(endpoint: Endpoint) -> None:
    slot = endpoint.slot()
    endpoint.is_back()
    assert slot.is_current


def test_rests_double_up_to_the_longest_and_none_is_quite_as_long_as_another(endpoint: Endpoint) -> None:
    rests = [rested(endpoint) for _ in range(12)]
    for k, rest in enumerate(rests):
        assert 0.75 <= rest / min(LONGEST_REST_S, FIRST_REST_S * 2**k) <= 1.25
    assert len(set(rests)) == 12


def test_a_rest_of_ours_is_none_that_the_server_asked_for(endpoint: Endpoint) -> None:
    endpoint.is_told = True
    rested(endpoint)
    assert (endpoint.is_told, endpoint.why) == (False, "gone")

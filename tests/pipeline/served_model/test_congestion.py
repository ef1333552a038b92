"""The window of an endpoint finds what it takes, and gives way where it says that it has too much."""

from typing import Any

import pytest

from pipeline.served_model.congestion import INITIAL, Window


def full(ceiling: int = 4096, limit: float = INITIAL) -> Window:
    window = Window(ceiling, limit)
    fill(window)
    return window


def fill(window: Window) -> None:
    while window.has_room:
        window.begin()


def a_round(window: Window, at_once: int = 1) -> None:
    """Every request in flight is answered, so many at a time before the room is filled again."""
    for answered in range(1, window.in_flight + 1):
        window.end(answered=True)
        if answered % at_once == 0:
            fill(window)
    fill(window)


@pytest.mark.parametrize("at_once", [1, 3, 4, 8])
def test_before_the_first_congestion_each_round_doubles_the_window(at_once: int) -> None:
    window = full(limit=8)
    a_round(window, at_once)
    assert window.limit == 16


def test_after_it_each_round_adds_one() -> None:
    window = full(limit=16)
    window.congested()
    assert window.limit == 8
    while window.in_flight > 8:
        window.end(answered=True)
    a_round(window)
    assert 8.9 < window.limit < 9.1


def test_one_burst_of_refusals_is_one_decrease() -> None:
    window = full(limit=32)
    for _ in range(16):
        window.congested()
        window.end(answered=False)
    assert window.limit == 16
    assert window.in_flight == 16
    window.congested()
    assert window.limit == 8


def test_a_window_never_closes() -> None:
    window = full(limit=1)
    window.congested()
    window.end(answered=False)
    assert window.has_room


def test_a_window_that_is_not_full_shows_nothing() -> None:
    window = Window(4096)
    window.begin()
    window.end(answered=True)
    window.begin()
    window.looked(0, 1)
    assert window.limit == INITIAL


@pytest.mark.parametrize(("is_slow_start", "limit"), [(True, 9), (False, 8)])
def test_a_window_that_is_half_full_grows_in_slow_start_alone(is_slow_start: bool, limit: float) -> None:
    window = Window(4096, limit=8, is_slow_start=is_slow_start)
    for _ in range(5):
        window.begin()
    window.end(answered=True)
    assert window.limit == limit


def test_an_empty_gauge_opens_no_window_that_still_gives_way() -> None:
    window = full(limit=32)
    window.congested()
    window.looked(0, 32)
    assert window.limit == 16


def test_the_ceiling_holds() -> None:
    window = full(ceiling=40)
    a_round(window)
    a_round(window)
    assert window.limit == 40
    assert Window(3).limit == 3


def test_an_empty_gauge_opens_the_window_as_a_round_does() -> None:
    window = full(limit=8)
    window.looked(0, 8)
    assert window.limit == 16
    window.is_slow_start = False
    fill(window)
    window.looked(0, 16)
    assert window.limit == 17


@pytest.mark.parametrize(("n_waiting", "limit"), [(4, 32), (8, 24), (16, 16), (31, 16), (500, 16)])
def test_what_waits_inside_the_server_is_taken_off_down_to_half(n_waiting: int, limit: int) -> None:
    window = full(limit=32)
    window.looked(n_waiting, 32)
    assert window.limit == limit


def test_the_gauge_counts_samples_and_not_requests() -> None:
    window = full(limit=32)
    window.looked(64, 32 * 16)
    assert window.limit == 32


# Against a server


def test_a_server_that_takes_few_at_a_time_is_soon_asked_for_no_more(
    model_server: Any, answer: Any, prompts: Any
) -> None:
    model_server.most, model_server.delay_s = 4, 0.01
    replies = answer(model_server, prompts(*range(300)), max_attempts=20)
    assert all(reply.text for reply in replies)
    refused = sum(len(reply.failed_attempts) for reply in replies)
    assert len(model_server.asked) == 300 + refused
    assert refused < 200


@pytest.mark.slow
def test_what_waits_in_vllm_keeps_the_window_from_growing(
    model_server: Any, second_server: Any, answer: Any, prompts: Any
) -> None:
    crowded, free = model_server, second_server
    crowded.gauge, free.gauge = (lambda: max(0, crowded.in_flight - 64)), (lambda: 0)
    crowded.look_faults.append(503)  # one bad look is no reason not to look again
    for server in (crowded, free):
        server.delay_s = 0.8
        assert all(reply.text for reply in answer(server, prompts(*range(600))))
    assert crowded.most_in_flight < 0.75 * free.most_in_flight


def test_a_server_without_a_gauge_is_looked_at_once(model_server: Any, answer: Any, prompts: Any) -> None:
    model_server.delay_s = 2.5
    answer(model_server, prompts("a"))
    assert model_server.n_looks == 1

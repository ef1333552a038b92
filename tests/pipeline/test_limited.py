import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.limited import LimitedWorkers, OutOfTime


def nothing() -> None:
    """A warm-up that does nothing."""


def too_much_memory() -> int:
    return len(bytearray(8 * 1024**3))


def fall_over() -> None:
    os._exit(3)


WORKERS = LimitedWorkers(nothing)


def test_the_result_comes_back() -> None:
    assert WORKERS.call(pow, 2, 10, seconds=30) == 1024


def test_a_call_that_takes_too_long_is_killed_and_the_next_one_works() -> None:
    with pytest.raises(OutOfTime):
        WORKERS.call(time.sleep, 600, seconds=0.2)
    assert WORKERS.call(pow, 2, 3, seconds=30) == 8


def test_an_exception_comes_back_as_itself() -> None:
    with pytest.raises(ZeroDivisionError):
        WORKERS.call(divmod, 1, 0, seconds=30)
    with pytest.raises(MemoryError):
        WORKERS.call(too_much_memory, seconds=30)


def test_a_worker_that_dies_is_an_error_of_its_own_call_only() -> None:
    with pytest.raises(Exception, match="terminated"):
        WORKERS.call(fall_over, seconds=30)
    assert WORKERS.call(pow, 2, 3, seconds=30) == 8


def test_the_environment_is_empty() -> None:
    assert WORKERS.call(os.getenv, "PATH", seconds=30) is None


@pytest.mark.slow
def test_threads_do_not_disturb_each_other() -> None:
    with ThreadPoolExecutor(3) as pool:
        slow = pool.submit(WORKERS.call, time.sleep, 60, seconds=1)
        quick = list(pool.map(lambda n: WORKERS.call(pow, n, 2, seconds=30), range(20)))
    assert quick == [n * n for n in range(20)]
    assert isinstance(slow.exception(), OutOfTime)

"""How a run ends, where it is not the program's doing too."""

from collections.abc import Callable

import pytest

from pipeline import sandbox
from pipeline.program.plan import plan_of
from pipeline.program.session import DIED, FINISHED, NO_START, OUT_OF_TIME, Job, Report, run

Run = Callable[..., Report]


@pytest.fixture
def run_program() -> Run:
    """Run a program in the best sandbox of this machine."""
    kind = sandbox.choose(allow_unsandboxed=True)

    def started(code: str, test: str, seconds: float = 5.0) -> Report:
        return run(Job(plan_of("", test, ""), code, seconds, 512 * 1024**2), kind)

    return started


def test_every_test_is_reported(run_program: Run) -> None:
    report = run_program("f = abs", "assert f(-1) == 1\nassert f(1) == 2\nassert f(0) == 0")
    assert (report.ending, report.is_defined, report.n_requests, report.status) == (FINISHED, True, 3, 0)
    assert [test.get("passed", False) for test in report.tests] == [True, False, True]


def test_tests_that_were_done_in_time_are_kept(run_program: Run) -> None:
    report = run_program("def f(x):\n    while x: pass", "f(0)\nf(1)\nf(0)", seconds=0.5)
    assert (report.ending, report.tests) == (OUT_OF_TIME, [{"passed": True}, {}])


def test_a_sandbox_that_does_not_start_is_told_apart(run_program: Run) -> None:
    report = run_program("f = abs", "f(1)", seconds=float("nan"))
    assert (report.ending, report.tests) == (NO_START, [])


def test_tests_that_end_their_own_process_have_no_result(run_program: Run) -> None:
    report = run_program("f = abs", "import os\nf(1)\nos._exit(0)")
    assert report.ending == DIED


def test_what_is_printed_is_kept_in_part(run_program: Run) -> None:
    report = run_program("def f(x):\n    print('y' * x)\nprint('first')", "f(10**6)")
    assert report.output.startswith("first\nyyy")
    assert len(report.output) == 2_000


def test_bytes_that_are_no_text_are_printed_all_the_same(run_program: Run) -> None:
    report = run_program("import os\ndef f(x):\n    os.write(1, b'\\xff\\0')", "f(1)")
    assert report.output == "\ufffd\0"

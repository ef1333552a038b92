r"""Python programs: the response's code, behind the task's prefix, must pass the task's tests.

Covers: Python functions and classes, with the standard library; code in a fenced block or alone, the whole function or
only what the prefix leaves open; asserts, `check(candidate)`, test functions, unittest classes. The program runs in a
sandbox (`pipeline.sandbox`); the tests run in another process, where its names stand for calls: it never sees a test,
and no object of its own making is equal to plain data (`pipeline.program`). Changes of arguments arrive, and exceptions
as the builtin ones they are or derive from.

Does not cover: other libraries (a program that needs one is undecided), standard input, other processes, the network;
tests of what is printed, tests that patch the program, coroutines, arguments that are neither plain data nor functions,
`type(...)` of an instance, whether a result is the very object that was given. Subclasses of data types (a named tuple)
are no data. How well the tests cover the task: what they let pass is correct. Several different blocks that could be
the answer are ambiguous.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pydantic import Field, model_validator

from pipeline import sandbox
from pipeline.program.assembly import assemble
from pipeline.program.mutants import mutants
from pipeline.program.plan import Plan, has_test, plan_of
from pipeline.program.response import Code, codes, looks_like_code
from pipeline.program.session import FINISHED, LATE_START, OUT_OF_TIME, STARVED, TOO_MANY_FILES, Job, Report, run
from pipeline.verifiers import (
    AMBIGUOUS,
    MISSING_LIBRARY,
    NO_ANSWER,
    TIMEOUT,
    VERIFIER_ERROR,
    NearMiss,
    Rollout,
    Verdict,
)
from schemas.recipe import Settings

VERSION = "1"

ALL_PASSED = "all_passed"
TEST_FAILED = "test_failed"
NOT_DEFINED = "not_defined"
PROGRAM_ERROR = "program_error"
SYNTAX_ERROR = "syntax_error"
EXITED_EARLY = "exited_early"
FORGED_REPLY = "forged_reply"
TIME_LIMIT = "time_limit"
MEMORY_LIMIT = "memory_limit"
DISK_LIMIT = "disk_limit"

MIB = 1024**2
MAX_RESULTS = 100
"""How many tests are told one by one in the details."""
KILLED_FOR_TIME = (-24, 128 + 24)
"""Exit statuses of a process that used up its processor time (SIGXCPU), outside and inside of bubblewrap."""


class Config(Settings):
    """Where programs may run."""

    allow_unsandboxed: bool = Field(
        False, description="Run programs without a sandbox where none works: only for programs that are trusted."
    )


DEFAULTS = Config()


class Task(Settings):
    """Tests, and what stands before the response's code."""

    prefix: str = Field("", description="Code before the response's, such as the head of the function.")
    test: str | list[str] = Field(description="Python that raises where the program is wrong.")
    entry_point: str = Field(
        "", pattern=r"^([^\W\d]\w*)?$", description="The function that `check` in the tests is given."
    )
    timeout_s: float = Field(10.0, gt=0, le=600, description="Seconds for all tests together.")
    memory_mb: int = Field(1024, ge=64, le=65_536, description="Most memory of the program in MiB, Python's included.")

    @model_validator(mode="after")
    def _readable(self) -> "Task":
        plan = _plan(self.prefix, self.tests(), self.entry_point)
        if not plan.names:
            raise ValueError(
                "test: found nothing that uses the program, wanted tests that call it; "
                "where the program defines a builtin such as sum, name it in entry_point"
            )
        if not has_test(plan):
            raise ValueError(
                "test: found no test, wanted an assertion, call, loop, with, try, test function or TestCase"
            )
        return self

    def tests(self) -> str | tuple[str, ...]:
        """One text of several tests, or each test's text."""
        return self.test if isinstance(self.test, str) else tuple(self.test)


def require(config: Config = DEFAULTS) -> None:
    """Raise BackendError where the machine has no sandbox."""
    sandbox.choose(allow_unsandboxed=config.allow_unsandboxed)


def verify(task: Task, rollout: Rollout, config: Config = DEFAULTS) -> Verdict:
    """Judge the one program of a response. Raises BackendError where the machine has no sandbox.

    The time limit is part of the task: a program that is not done by then is incorrect. Time in which it was ready to
    run and no core was free does not count, and a run that such time makes ten times as long is undecided.
    """
    plan = _plan(task.prefix, task.tests(), task.entry_point)
    found = codes(rollout.text, [plan.completes] if plan.completes else plan.names)
    if not found:
        return Verdict("undecided", NO_ANSWER)
    if len(found) > 1:
        return Verdict("undecided", AMBIGUOUS, details={"n_programs": len(found)})
    return judge_in(sandbox.choose(allow_unsandboxed=config.allow_unsandboxed), task, found[0])


def judge_in(kind: sandbox.Kind, task: Task, code: Code) -> Verdict:
    """The verdict on a program that is run in one kind of sandbox."""
    plan = _plan(task.prefix, task.tests(), task.entry_point)
    try:
        report = run(Job(plan, code.text, task.timeout_s, task.memory_mb * MIB), kind)
    except OSError as error:
        return Verdict("undecided", VERIFIER_ERROR, details={"error": f"{type(error).__name__}: {error}"})
    return _verdict(report, code, kind, plan.prefix)


def _verdict(report: Report, code: Code, kind: str, prefix: str) -> Verdict:
    """What a run means for the response."""
    reason = _reason(report, code)
    results = report.tests
    n_passed = sum(bool(result.get("passed")) for result in results)
    failed = next((n for n, result in enumerate(results, 1) if not result.get("passed")), None)
    details: dict[str, Any] = {"sandbox": kind, "n_tests": len(results), "n_passed": n_passed}
    details["tests"] = [_shown(result) for result in results[:MAX_RESULTS]]
    error = (report.definition or {}).get("error") or (report.errors if reason == VERIFIER_ERROR else "")
    details |= {name: text for name, text in (("error", error), ("output", report.output)) if text}
    if reason == VERIFIER_ERROR and (library := _missing_library(report, prefix)):
        details[MISSING_LIBRARY] = library
    if reason in (TIMEOUT, VERIFIER_ERROR, NO_ANSWER):
        return Verdict("undecided", reason, code.text, details=details)
    if reason == ALL_PASSED:
        return Verdict("correct", reason, code.text, score=1.0, details=details)
    score = n_passed / len(results) if report.ending == FINISHED and results else None
    return Verdict("incorrect", reason, code.text, score=score, failed_step=failed, details=details)


def _shown(result: dict[str, Any]) -> str:
    return "passed" if result.get("passed") else result.get("error", "not finished")


def _missing_library(report: Report, prefix: str) -> str:
    """The library for want of which the program itself failed first, or empty; the prefix's imports are the task's."""
    library = str((_first_failed(report) or {}).get("missing_library", ""))
    is_prefix_s = re.search(rf"\b(?:import|from)\s+{re.escape(library)}\b", prefix)
    return "" if is_prefix_s or report.ending != FINISHED else library


def _first_failed(report: Report) -> dict[str, Any] | None:
    return report.definition or next((result for result in report.tests if not result.get("passed")), None)


def _reason(report: Report, code: Code) -> str:
    """The reason code of a run: why it came to no end, else why it failed first, else that all passed."""
    limits = {OUT_OF_TIME: TIME_LIMIT, LATE_START: TIMEOUT, STARVED: TIMEOUT, TOO_MANY_FILES: DISK_LIMIT}
    if report.ending != FINISHED:
        return limits.get(report.ending, VERIFIER_ERROR)
    failed = _first_failed(report)
    if failed is None:
        return ALL_PASSED if report.tests and report.n_requests else VERIFIER_ERROR
    if failed["cannot_judge"]:
        return VERIFIER_ERROR
    if failed["is_gone"]:
        return TIME_LIMIT if report.status in KILLED_FOR_TIME else EXITED_EARLY
    causes = (("is_forged", FORGED_REPLY), ("is_out_of_memory", MEMORY_LIMIT))
    if found := next((reason for name, reason in causes if failed[name]), None):
        return found
    if report.definition is None:
        return NOT_DEFINED if failed["is_missing"] else TEST_FAILED
    if failed["is_syntax_error"]:
        return SYNTAX_ERROR if code.is_fenced or looks_like_code(code.text) else NO_ANSWER
    return EXITED_EARLY if failed["is_exit"] else PROGRAM_ERROR


@lru_cache(maxsize=256)
def _plan(prefix: str, tests: str | tuple[str, ...], entry_point: str) -> Plan:
    return plan_of(prefix, tests, entry_point)


def near_misses(task: Task, gold: str) -> Iterator[NearMiss]:
    """The gold program with one change: a comparison, a number, an operator, a return.

    Some changes make no difference, and weak tests let others pass; the audit counts both.
    """
    plan = _plan(task.prefix, task.tests(), task.entry_point)
    for code in codes(gold, [])[:1]:
        try:
            program = assemble(task.prefix, code.text, plan.completes)
        except SyntaxError:
            continue
        for mutant in mutants(program, first_line=task.prefix.rstrip("\n").count("\n") + 2 if task.prefix else 1):
            yield NearMiss(mutant.kind, f"```python\n{mutant.text}\n```")


_HEAD = 'def count_even(numbers):\n    """How many of the numbers are even."""\n'
_CHECK = "def check(candidate):\n    assert candidate([1, 2, 4]) == 2\n    assert candidate([]) == 0\n"
_BODY = "    return sum(number % 2 == 0 for number in numbers)"
_HEADED = {"prefix": _HEAD, "test": _CHECK, "entry_point": "count_even"}
_TESTED = {"test": ["assert median([3, 1, 2]) == 2", "assert median([4, 2]) == 3", "assert median([5]) == 5"]}
_MEDIAN = """def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return (values[middle] + values[~middle]) / 2
"""
_ALWAYS_EQUAL = """class Anything(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
def median(values):
    return Anything()
"""

EXAMPLES = [
    (_HEADED, _BODY, "correct", ALL_PASSED),
    (_HEADED, _BODY.strip(), "correct", ALL_PASSED),
    (_HEADED, f"Here it is:\n\n```python\n{_HEAD}{_BODY}\n```\nIt counts.", "correct", ALL_PASSED),
    (_TESTED, _MEDIAN, "correct", ALL_PASSED),
    (_TESTED, f"<think>```python\nmedian = None\n```</think>\n```python\n{_MEDIAN}```", "correct", ALL_PASSED),
    (_TESTED, f"```python\n{_MEDIAN}```\nCall it:\n```python\nprint(median([1]))\n```", "correct", ALL_PASSED),
    (_HEADED, "    pass", "incorrect", TEST_FAILED),
    (_TESTED, _MEDIAN.replace("~middle", "middle"), "incorrect", TEST_FAILED),
    (_TESTED, _MEDIAN.replace("median", "middle_value"), "incorrect", NOT_DEFINED),
    (_TESTED, _ALWAYS_EQUAL, "incorrect", TEST_FAILED),
    (_TESTED, "import os\nos._exit(0)", "incorrect", EXITED_EARLY),
    (_TESTED, "raise ValueError('not today')", "incorrect", PROGRAM_ERROR),
    (_TESTED, "def median(values:\n    return values[0]", "incorrect", SYNTAX_ERROR),
    ({**_TESTED, "timeout_s": 0.5}, "def median(values):\n    while True: pass", "incorrect", TIME_LIMIT),
    (
        _TESTED,
        f"```python\n{_MEDIAN}```\nor\n```python\n{_MEDIAN.replace('/ 2', '* 0.5')}```",
        "undecided",
        AMBIGUOUS,
    ),
    (_TESTED, "I would sort the values and take the middle one.", "undecided", NO_ANSWER),
]

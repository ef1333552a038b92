"""One run of a program against its tests: starts both processes, keeps the time, and tells what came of it."""

import json
import os
import secrets
import selectors
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any, NamedTuple

from pipeline import sandbox
from pipeline.program.clock import Clock
from pipeline.program.plan import Plan
from pipeline.program.tester import DEFINED_EVENT, END_EVENT, NOT_DEFINED_EVENT, TEST_EVENT

START_SECONDS = 60.0
"""Longest that both processes may take to be ready, which no program is charged for."""
TESTER_SECONDS = 2.0
"""Processor time of the tests' process beyond the time limit, before it kills itself."""
OUTPUT_BYTES = 2_000
"""How much of what a program prints is kept."""
MAX_REPORT_BYTES = 4 * 1024**2
STEP_BYTES = 65_536
END_SECONDS = 0.5
"""How long a program's process may take to end by itself, so that its status is known."""
WATCH_SECONDS = 0.1
"""How often the files of a program are measured."""

FINISHED, OUT_OF_TIME, STARVED, LATE_START, NO_START, DIED, TOO_MANY_FILES = (
    "finished", "out_of_time", "starved", "late_start", "no_start", "died", "too_many_files",
)  # fmt: skip


class Job(NamedTuple):
    """A program to run: a response's code and how it is tested."""

    plan: Plan
    code: str
    seconds: float
    memory_bytes: int


class Report(NamedTuple):
    """What came of a run."""

    ending: str
    """FINISHED where all tests came to their end, else why not."""
    definition: dict[str, Any] | None
    """Why the program could not be defined; None where it was."""
    is_defined: bool
    tests: list[dict[str, Any]]
    """A result for each test that was begun; the last is empty where it came to no end."""
    n_requests: int
    """How often the tests asked the program for anything."""
    output: str
    """The head of what the program printed."""
    status: int | None
    """The exit status of the program's process, where it ended before the tests."""
    errors: str
    """The head of what the tests' process had to say of its own failure."""


def run(job: Job, kind: sandbox.Kind) -> Report:
    """Run a program in a sandbox against its tests. Raises OSError where a process cannot be started."""
    nonce = secrets.token_hex(16)
    plan = {**job.plan._asdict(), "code": job.code, "nonce": nonce, "seconds": job.seconds + TESTER_SECONDS}
    with ExitStack() as stack:
        ends: list[int] = []
        stack.callback(_close, ends)
        for _ in range(3):
            ends += os.pipe()
        requests, to_program, from_program, replies, report, to_report = ends
        running = stack.enter_context(
            sandbox.running(kind, (requests, replies), seconds=job.seconds, memory_bytes=job.memory_bytes)
        )
        errors = stack.enter_context(tempfile.TemporaryFile())
        theirs = (to_program, from_program, to_report)
        tester = stack.enter_context(_tester(plan, theirs, errors, must_confine=kind != "none"))
        _close(ends, (requests, replies, *theirs))
        watched = _Watch(running, tester.pid, report, job.seconds)
        ending = watched.wait()
        status = watched.status() if ending == FINISHED else None
        errors.seek(0)
        return watched.report(ending, nonce, status, errors.read(OUTPUT_BYTES).decode(errors="replace"))


def _close(ends: list[int], which: Iterable[int] | None = None) -> None:
    """Close some ends of pipes, or all that are left."""
    for end in tuple(ends if which is None else which):
        ends.remove(end)
        os.close(end)


@contextmanager
def _tester(
    plan: dict[str, Any], pipes: tuple[int, int, int], errors: IO[bytes], *, must_confine: bool
) -> Iterator[subprocess.Popen[bytes]]:
    """The tests' process, killed in the end. A file has its plan, so that nobody waits for it to be read."""
    with tempfile.TemporaryFile() as stdin:
        stdin.write(json.dumps(plan).encode())
        stdin.seek(0)
        command = sandbox.command_of_tests(pipes, must_confine=must_confine)
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=sandbox.ENVIRONMENT,
            pass_fds=pipes,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class _Watch:
    """Reads the report and what the program prints, until the tests or the time end."""

    def __init__(self, running: sandbox.Running, tester: int, report: int, seconds: float) -> None:
        assert running.process.stdout is not None
        self.running = running
        self.printed, self.reported = running.process.stdout.fileno(), report
        self.seconds = seconds
        self.processes = (running.process.pid, tester)
        self.output = bytearray()
        self.content = bytearray()

    def wait(self) -> str:
        """Why it is over: FINISHED with the report's end, or what came first."""
        deadline, clock = time.monotonic() + START_SECONDS, None
        measured = 0.0
        with selectors.DefaultSelector() as selector:
            selector.register(self.printed, selectors.EVENT_READ)
            selector.register(self.reported, selectors.EVENT_READ)
            while True:
                if (left := deadline - time.monotonic()) <= 0:
                    if clock is None:
                        return LATE_START
                    if (deadline := clock.deadline()) <= time.monotonic():
                        return STARVED if clock.is_starved() else OUT_OF_TIME
                    continue
                for key, _ in selector.select(min(left, WATCH_SECONDS)):
                    if key.fd == self.printed:
                        self._read_output(selector)
                    elif not self._read_report():
                        return FINISHED
                if clock and time.monotonic() - measured >= WATCH_SECONDS:
                    measured = time.monotonic()
                    if self.running.has_too_many_files():
                        return TOO_MANY_FILES
                if clock is None and b"\n" in self.content:
                    clock = Clock(self.processes, self.seconds)
                    deadline = clock.deadline()

    def status(self) -> int | None:
        """How the program's process ends by itself once nobody asks it any more; None where it does not."""
        deadline = time.monotonic() + END_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self.printed, selectors.EVENT_READ)
            while selector.get_map() and (left := deadline - time.monotonic()) > 0:
                for _ in selector.select(left):
                    self._read_output(selector)
        try:
            return self.running.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None

    def _read_output(self, selector: selectors.BaseSelector) -> None:
        """Read on when enough is kept: a program that prints much must not wait for ever."""
        if not (part := os.read(self.printed, STEP_BYTES)):
            selector.unregister(self.printed)
        self.output += part[: OUTPUT_BYTES - len(self.output)]

    def _read_report(self) -> bool:
        part = os.read(self.reported, STEP_BYTES)
        self.content += part
        return bool(part) and len(self.content) <= MAX_REPORT_BYTES

    def report(self, ending: str, nonce: str, status: int | None, errors: str) -> Report:
        """What the report's lines say; without the nonce at its end no test has passed."""
        events = [json.loads(line) for line in self.content.split(b"\n")[:-1]]
        last = events[-1] if events else {}
        if ending == FINISHED and (last.get("event"), last.get("nonce")) != (END_EVENT, nonce):
            ending = NO_START if not events else DIED
        tests: dict[int, dict[str, Any]] = {}
        for event in events:
            if event["event"] == TEST_EVENT:
                tests[event["number"]] = event.get("result", {})
        found = {event["event"]: event for event in events}
        return Report(
            ending=ending,
            definition=found.get(NOT_DEFINED_EVENT, {}).get("result"),
            is_defined=DEFINED_EVENT in found,
            tests=list(tests.values()),
            n_requests=last.get("n_requests", 0),
            output=self.output.decode(errors="replace"),
            status=status,
            errors=errors,
        )

"""What every way is given and reports; standard library only, as each runs in an environment of its own."""

import json
import resource
import time

MODEL = "instant"
N_TOKENS = 500
"""Tokens of every answer."""

_PUZZLE = "Here is a puzzle with blocks on a table. Say which block to move where, one move a line, and nothing else. "


def problems(n: int) -> list[str]:
    """Prompts of the length of a puzzle, no two equal."""
    return [
        f"{_PUZZLE}Puzzle {index}: stack the blocks in the order {index * 7919 % 999_983:06d}." for index in range(n)
    ]


class Timed:
    """Times a block: seconds on the clock, and of CPU in this process and those that it waited for."""

    def __enter__(self) -> "Timed":
        self._began, self._cpu = time.perf_counter(), _cpu_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._began
        self.cpu_seconds = _cpu_seconds() - self._cpu

    def report(self) -> None:
        """Print them, for whoever started this process."""
        print(json.dumps({"seconds": self.seconds, "cpu_seconds": self.cpu_seconds}))


def _cpu_seconds() -> float:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)

"""Memory and time of 100,000 requests through the whole generate step: `python -m benchmarks.served_model.memory`.

A server that answers at once, one sample of each prompt, a run folder on local disk. Memory is that of this process,
which has made the prompts too; the seconds are those of the step.
"""

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.served_model import server, stage
from schemas.tables import Rollouts

MIB = 1024


def main() -> None:
    """Print a Markdown table with a row for each tenth of the requests."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--requests", type=int, default=100_000)
    n = arguments.parse_args().requests
    with server.running() as url, tempfile.TemporaryDirectory() as folder:
        run, resolved = stage.prepared(Path(folder), n, {"base_url": url}, {})
        print(f"with the prompts, before the first request: {_status('VmRSS') / MIB:,.0f} MiB\n")
        print("| requests | seconds for this tenth | memory, MiB |\n|---|---|---|", flush=True)
        timed = stage.ask_all(run, resolved, _Tenths(n).progress)
        rollouts = run.keys(Rollouts)
        assert rollouts.height == rollouts["rollout_id"].n_unique() == n
    print(f"\n{n / timed.seconds:,.0f} requests/s; most memory at any time: {_status('VmHWM') / MIB:,.0f} MiB")


class _Tenths:
    """Prints a row whenever a tenth is done."""

    def __init__(self, n: int) -> None:
        self._n, self._n_done, self._began = n, 0, time.perf_counter()

    def progress(self, n_new: int) -> None:
        before, self._n_done = self._n_done * 10 // self._n, self._n_done + n_new
        if self._n_done * 10 // self._n > before:
            now = time.perf_counter()
            print(f"| {self._n_done:,} | {now - self._began:.1f} | {_status('VmRSS') / MIB:,.0f} |", flush=True)
            self._began = now


def _status(name: str) -> int:
    """A figure of this process's memory that Linux keeps, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()

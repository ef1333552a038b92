"""What is lost, doubled or miscounted when a server misbehaves: `python -m benchmarks.fault_storm`.

The generate step of `coldstart run`, on prompts whose server fails 42 of 100 requests in six ways and is killed and
started again twice. The failed attempts in the rollouts are compared with what the server wrote down itself.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import polars as pl

from benchmarks.served_model import misbehaving, stage
from schemas.tables import Rollouts

AS_CLIENT = {
    "429": "rate_limit",
    "500": "server_error",
    "silent": "timeout",
    "cut_json": "bad_response",
    "cut_body": "connection",
    "dropped": "connection",
    "killed": "connection",
    "late": "timeout",
}
"""What each fate is called in failed_attempts; `killed`: the server died with the request unanswered; `late`: it was
to be answered, and the client waited no longer."""

SETTINGS = {"max_attempts": 20, "timeout_s": 1, "slowest_tokens_per_s": 1e9, "concurrency": 256}
"""20 attempts, so that none runs out of them (0.42 to the power of 20 is 3e-8); silence is a time-out after 1 s."""

DOWN_FOR_S = 1.5
"""Between a kill and the next start."""


class Server:
    """The misbehaving server, life after life on one port."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed, self.port, self.n_lives = folder, seed, 0, 0
        self.start()

    def start(self) -> None:
        self.n_lives += 1
        log = self.folder / f"life-{self.n_lives}.log"
        log.touch()
        arguments = [str(self.port), str(log), str(self.seed + self.n_lives)]
        self.process = subprocess.Popen([sys.executable, "-m", misbehaving.__name__, *arguments])
        while not (said := log.read_text()).endswith("\n"):
            if self.process.poll() is not None:
                raise SystemExit("the server did not start")
            time.sleep(0.02)
        self.port = int(said.split()[1])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def fates(self) -> Counter[str]:
        """What became of all requests that came, by the logs."""
        found: Counter[str] = Counter()
        for log in self.folder.glob("life-*.log"):
            words = [line.split() for line in log.read_text().splitlines()[1:]]
            ends = {number: how for number, how in words if how in ("end", "left")}
            found.update(_fate(fate, ends.get(number)) for number, fate in words if fate not in ("end", "left"))
        return found


def _fate(drawn: str, end: str | None) -> str:
    if end is None:
        return "killed"
    return "late" if drawn == "answered" and end == "left" else drawn


def main() -> None:
    """Print a Markdown table, and what was lost and doubled."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--prompts", type=int, default=10_000)
    arguments.add_argument("--seed", type=int, default=1)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), asked.seed)
        try:
            rollouts, seconds = _storm(server, Path(folder, "run"), asked.prompts)
        finally:
            server.kill()
        print(f"{asked.prompts:,} prompts in {seconds:,.0f} s\n")
        _compare(server.fates(), rollouts)
        _count(asked.prompts, server.fates(), rollouts)


def _storm(server: Server, folder: Path, n: int) -> tuple[pl.DataFrame, float]:
    """All rollouts, with the server killed and started again at a third and at two thirds of them."""
    settings = {"base_url": f"http://127.0.0.1:{server.port}/v1", **SETTINGS}
    run, resolved = stage.prepared(folder, n, settings, {"max_error_rate": 1})
    n_done = 0
    third, two_thirds = threading.Event(), threading.Event()

    def progress(new: int) -> None:
        nonlocal n_done
        n_done += new
        if n_done >= n // 3:
            third.set()
        if n_done >= 2 * n // 3:
            two_thirds.set()

    def restart() -> None:
        for is_due in (third, two_thirds):
            is_due.wait()
            server.kill()
            time.sleep(DOWN_FOR_S)
            server.start()

    restarting = threading.Thread(target=restart, daemon=True)
    restarting.start()
    timed = stage.ask_all(run, resolved, progress)
    restarting.join()
    return run.read(Rollouts), timed.seconds


def _compare(fates: Counter[str], rollouts: pl.DataFrame) -> None:
    kinds = Counter(rollouts["failed_attempts"].explode().drop_nulls().to_list())
    print("| failed attempts | by the server's log | in the rollouts |\n|---|---|---|")
    for kind in dict.fromkeys(AS_CLIENT.values()):
        parts = {fate: fates[fate] for fate, as_client in AS_CLIENT.items() if as_client == kind and fates[fate]}
        said = " + ".join(f"{n:,} {fate}" for fate, n in parts.items())
        print(f"| {kind} | {said} | {kinds.pop(kind, 0):,} |")
    for kind, n_more in kinds.items():
        print(f"| {kind} | 0 | {n_more:,} |")
    n_failed = sum(fates[fate] for fate in AS_CLIENT)
    print(f"| in all | {n_failed:,} | {rollouts['failed_attempts'].list.len().sum():,} |")


def _count(n: int, fates: Counter[str], rollouts: pl.DataFrame) -> None:
    n_prompts, n_answered = rollouts["prompt_id"].n_unique(), rollouts["text"].drop_nulls().len()
    print(f"\nlost: {n - n_prompts}, doubled: {rollouts.height - n_prompts}")
    print(f"rows with an error: {rollouts.height - n_answered}")
    print(f"answers that the server sent: {fates['answered']:,} for {n_answered:,} rows with a text")


if __name__ == "__main__":
    main()

"""Requests a second of `openai_server` beside a lean loop, distilabel and Bespoke Curator.

`python -m benchmarks.served_model.compare` from the project's folder. All ask one server, in a process of its own,
that answers at once with 500 tokens: one sample a request, temperature 1, no two prompts equal. Every measurement is a
new process, which times its own work without imports; the ways take turns, and ratios are made within a round.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.environments import NotInstalled
from benchmarks.served_model import server
from benchmarks.served_model.capacity import capacity
from benchmarks.served_model.peers import PEERS, python_of

HERE = Path(__file__).parent
GENERATOR, STAGE = "`openai_server`", "the generate step"
CONCURRENCY = {"lean loop": 256, GENERATOR: 256, STAGE: 256, "distilabel, LLM": 50, "distilabel, pipeline": 50}
CONCURRENCY["Curator"] = 100
"""Requests in flight at once: the best found for each among 20, 50, 100, 256 and 1000."""

Commands = dict[str, tuple[list[str], list[str]]]
"""way -> what to call before URL, N and CONCURRENCY, and what after."""


def main() -> None:
    """Print a Markdown table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--requests", type=int, default=10_000, help="of the lean loop and of ours")
    arguments.add_argument("--peer-requests", type=int, default=4_000, help="of the slower libraries")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--concurrency", type=int, help="the same for all, in place of what is best for each")
    arguments.add_argument("--only", nargs="+", metavar="WAY", help="the start of the names of some ways")
    asked = arguments.parse_args()
    ways = {
        way: command for way, command in {**_ours(), **_theirs()}.items() if way.startswith(tuple(asked.only or [""]))
    }
    sizes = {way: asked.peer_requests if way in _THEIR_SCRIPTS else asked.requests for way in ways}
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores", flush=True)
    with server.running() as url:
        print(f"the server answers {capacity(url):,.0f} requests/s\n", flush=True)
        rates: dict[str, list[float]] = {way: [] for way in ways}
        cpu: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(asked.rounds):
            for way, command in ways.items():
                found = _measure(command, url, sizes[way], asked.concurrency or CONCURRENCY[way])
                rates[way].append(sizes[way] / found["seconds"])
                cpu[way].append(found["cpu_seconds"] / sizes[way] * 1e6)
                print(f"round {number + 1}: {way}: {rates[way][-1]:,.0f} requests/s", file=sys.stderr, flush=True)
    _print_table(rates, cpu)


def _ours() -> Commands:
    modules = {"lean loop": "lean", GENERATOR: "generator", STAGE: "stage"}
    return {way: ([sys.executable, "-m", f"benchmarks.served_model.{module}"], []) for way, module in modules.items()}


_THEIR_SCRIPTS = {
    "distilabel, LLM": ("distilabel", "distilabel_way.py", ["llm"]),
    "distilabel, pipeline": ("distilabel", "distilabel_way.py", ["pipeline"]),
    "Curator": ("bespokelabs-curator", "curator_way.py", []),
}


def _theirs() -> Commands:
    pythons = {}
    for peer in PEERS:
        try:
            pythons[peer] = str(python_of(peer))
        except NotInstalled as why:
            print(f"without {peer}: {why}", file=sys.stderr)
    return {
        way: ([pythons[peer], str(HERE / script)], extra)
        for way, (peer, script, extra) in _THEIR_SCRIPTS.items()
        if peer in pythons
    }


def _measure(command: tuple[Sequence[str], Sequence[str]], url: str, n: int, concurrency: int) -> dict[str, float]:
    """What a new process says it took."""
    before, after = command
    done = subprocess.run([*before, url, str(n), str(concurrency), *after], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(before)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _print_table(rates: dict[str, list[float]], cpu: dict[str, list[float]]) -> None:
    """Medians over the rounds; ratios of ours, with the smallest and largest of a round."""
    ours = [way for way in (GENERATOR, STAGE) if way in rates]
    print("| way | requests/s | CPU a request |" + "".join(f" {way} in relation |" for way in ours))
    print("|---|---|---|" + "---|" * len(ours))
    for way, found in rates.items():
        ratios = ""
        for our in ours:
            each = [mine / theirs for mine, theirs in zip(rates[our], found, strict=True)]
            ratios += f" {statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f}) |"
        print(f"| {way} | {statistics.median(found):,.0f} | {statistics.median(cpu[way]):,.0f} us |{ratios}")


if __name__ == "__main__":
    main()

"""Make the demo set in data/demo: scripted problems, responses and their mistakes; the same bytes every time.

    python benchmarks/make_demo_recording.py [--to data/demo]

No language model is involved. A few lines of search (`demo_set/`) solve every problem exactly, and every response is
put together from that solution, or from a plausible mistake. The standard library is all that it needs.
"""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from demo_set import catalogue
from demo_set.caretaker import DOMAIN
from demo_set.errands import Errands
from demo_set.record import rows, solution

DEMO = Path(__file__).resolve().parents[1] / "data/demo"


def write_demo(folder: Path) -> list[dict[str, Any]]:
    """Write prompts, domain, instances and recording below `folder`; returns the recorded rows."""
    (folder / "instances").mkdir(parents=True, exist_ok=True)
    arithmetic, errands = catalogue.arithmetic(), catalogue.errands()
    prompts = [
        {"key": item.key, "family": item.family, "group": item.group, "question": item.question,
         "answer": item.answer or item.puzzle.gold, "solution": solution(item)}
        for item in arithmetic
    ]  # fmt: skip
    _write_lines(folder / "arithmetic.jsonl", prompts)
    (folder / "domain.pddl").write_text(DOMAIN, encoding="utf-8")
    for item in errands:
        if isinstance(item.puzzle, Errands):
            (folder / "instances" / f"{item.key}.pddl").write_text(item.puzzle.house.pddl(item.key), encoding="utf-8")
    recorded = [row for item in [*arithmetic, *errands] for row in rows(item)]
    _write_lines(folder / "recording.jsonl", recorded)
    return recorded


def _write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the recorded demo set.")
    parser.add_argument("--to", type=Path, default=DEMO, help="folder to write to")
    recorded = write_demo(parser.parse_args().to)
    counts = Counter(row["declared"] for row in recorded)
    print(f"{len(recorded)} responses: " + ", ".join(f"{n} {name}" for name, n in counts.most_common()))


if __name__ == "__main__":
    main()

"""Make the recorded set in data/recorded: scripted problems, responses and their mistakes; the same bytes every time.

    python benchmarks/make_recording.py [--to data/recorded]

No language model is involved. A few lines of search (`recorded_set/`) solve every problem exactly; every response is
put together from that solution, or from a plausible mistake. The standard library is all that it needs.
"""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from recorded_set import catalogue
from recorded_set.caretaker import DOMAIN
from recorded_set.errands import Errands
from recorded_set.record import rows, solution

DEMO = Path(__file__).resolve().parents[1] / "data/recorded"


def write_recorded(folder: Path) -> list[dict[str, Any]]:
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
    parser = argparse.ArgumentParser(description="Make the recorded set.")
    parser.add_argument("--to", type=Path, default=DEMO, help="folder to write to")
    recorded = write_recorded(parser.parse_args().to)
    counts = Counter(row["declared"] for row in recorded)
    print(f"{len(recorded)} responses: " + ", ".join(f"{n} {name}" for name, n in counts.most_common()))


if __name__ == "__main__":
    main()

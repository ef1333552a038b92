"""What every way is given and reports, for scripts that run in environments of their own: numpy and pyarrow only."""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import AnyStr

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NGRAM = 5
"""Words in a shingle."""


def one_core() -> None:
    """From here on this process, and what it starts, has one core: rates are those of a core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def read(path: str) -> tuple[list[str], list[str]]:
    """Ids and texts of a corpus."""
    table = pq.read_table(path, columns=["id", "text"])
    return table["id"].to_pylist(), table["text"].to_pylist()


def shingles(words: list[AnyStr], space: AnyStr) -> list[AnyStr]:
    """The shingles of a text's words, with a space between two, in order, repeats kept."""
    if len(words) < NGRAM:
        return [space.join(words)] if words else []
    return list(map(space.join, zip(*(words[i:] for i in range(NGRAM)), strict=False)))


def components(n: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """For each of `n` rows the first row that it is connected to."""
    parent = list(range(n))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = row = parent[parent[row]]
        return row

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return [root(row) for row in range(n)]


def write(path: str, ids: list[str], clusters: list[int]) -> None:
    """What a way found: id, cluster."""
    pq.write_table(pa.table({"id": ids, "cluster": clusters}), path)


def batches(texts: list[str], size: int = 500) -> Iterator[list[str]]:
    """Texts in batches whose shingles fit into memory."""
    for start in range(0, len(texts), size):
        yield texts[start : start + size]


def bands(threshold: float, num_perm: int, *, use_all: bool) -> tuple[int, int]:
    """Bands and rows that datasketch's default weights choose; `use_all`: of those that take every permutation.

    The least sum of false positives and false negatives: the areas under the curve 1 - (1 - s^rows)^bands on the left
    of the threshold and above it on the right (datasketch, `lsh.py`).
    """
    points = (np.arange(1000) + 0.5) / 1000

    def error(chosen: tuple[int, int]) -> float:
        found = 1 - (1 - points ** chosen[1]) ** chosen[0]
        return float(np.where(points < threshold, found, 1 - found).mean())

    choices = [(b, r) for b in range(1, num_perm + 1) for r in range(1, num_perm // b + 1)]
    return min((c for c in choices if not use_all or c[0] * c[1] == num_perm), key=error)


class Stages:
    """CPU seconds of this process, all threads, by stage: the time since the last call goes to the stage named."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._before = time.process_time()

    def done(self, stage: str) -> None:
        """A piece of `stage` is done."""
        now = time.process_time()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._before
        self._before = now

    def report(self) -> None:
        """Print them, for whoever started this process."""
        print(json.dumps({stage: round(seconds, 4) for stage, seconds in self.seconds.items()}))


Candidates = Callable[[list[str], float, int, Stages], Iterable[tuple[int, int]]]
Sign = Callable[[list[str], int, Stages], int]


def main(sign: Sign, candidates: Candidates, source: str, *arguments: str) -> None:
    """From a corpus to clusters (OUT THRESHOLD NUM_PERM), or, on one core, to as many signatures (NUM_PERM)."""
    if len(arguments) == 1:
        one_core()
    stages = Stages()
    ids, texts = read(source)
    stages.done("read")
    if len(arguments) == 1:
        assert sign(texts, int(arguments[0]), stages) == len(ids)
    else:
        out, threshold, num_perm = arguments
        write(out, ids, components(len(ids), candidates(texts, float(threshold), int(num_perm), stages)))
        stages.done("write")
    stages.report()


def cache() -> Path:
    """The folder of corpora, what is true of them, and results."""
    above = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = above / "coldstart" / "benchmarks" / "dedup-corpora"
    folder.mkdir(parents=True, exist_ok=True)
    return folder

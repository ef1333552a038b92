"""Parquet to clusters, ours and others: `python -m benchmarks.dedup.compare`, a quarter of an hour.

Every measurement is a whole process, imports and all; the ways take turns, and ratios are made within a round. Beside
that stands what is left when what the same command takes for ten texts, which is starting, is taken off. Corpora of
about 1,000 words a text, and which of their pairs are near-duplicates, are worked out first and kept.

Recall is the share of the true pairs whose rows are in one cluster. Precision of ours: the share of the dropped rows
that reach the threshold with the row that was kept in their place. The others do not say what is kept, so of them it
is the share of the pairs within a cluster that are connected through true pairs.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from benchmarks.dedup import corpus, measure, ours, task, truth
from benchmarks.dedup.peers import PEERS, python_of
from benchmarks.environments import NotInstalled

HERE = Path(__file__).parent
OURS = "coldstart dedup"
SETTINGS = ((0.7, 128), (0.8, 256))
SIZES = (10_000, 100_000)
STARTS = 3


class Result(NamedTuple):
    """One way, one corpus, one setting: one figure a round; `start_s` is CPU seconds of starting."""

    cpu_s: list[float]
    peak_mib: list[float]
    start_s: float
    recall: float
    precision: float


def main() -> None:
    """Print a Markdown table, and the stages of each way on the error stream."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--documents", type=int, nargs="+", default=SIZES)
    arguments.add_argument(
        "--settings", nargs="+", default=[f"{t}/{k}" for t, k in SETTINGS], metavar="THRESHOLD/PERMS"
    )
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--only", nargs="+", default=list(PEERS), choices=list(PEERS), help="beside these")
    asked = arguments.parse_args()
    print("| texts | setting | way | CPU s | / ours | without starting | / ours | memory, MiB | recall | precision |")
    print("|" + "---|" * 10, flush=True)
    for n in asked.documents:
        source = corpus.cached(n)
        truth.cached(source)
        for setting in asked.settings:
            threshold, num_perm = (kind(part) for kind, part in zip((float, int), setting.split("/"), strict=True))
            results = _results(source, threshold, num_perm, asked.rounds, asked.only)
            for way, result in results.items():
                print(f"| {n:,} | {setting} | {way} | {_cells(result, results[OURS])} |", flush=True)


def _results(source: Path, threshold: float, num_perm: int, rounds: int, peers: list[str]) -> dict[str, Result]:
    out = task.cache() / "out"
    out.mkdir(exist_ok=True)
    starts = {
        way: _start(command) for way, command in _ways(corpus.cached(10), out, threshold, num_perm, peers).items()
    }
    ways = _ways(source, out, threshold, num_perm, peers)
    taken: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for number in range(rounds):
        for way, command in ways.items():
            taken[way].append(measure.measured(command))
            last = taken[way][-1]
            stages = json.loads(last["stdout"].splitlines()[-1]) if way != OURS else ""
            print(f"round {number + 1}: {way}: {last['cpu_s']:.2f} CPU s {stages}", file=sys.stderr, flush=True)
    return {
        way: Result(
            [one["cpu_s"] for one in each],
            [one["peak_mib"] for one in each],
            starts[way],
            *_rates(way, out, source, threshold),
        )
        for way, each in taken.items()
    }


def _start(command: list[str]) -> float:
    """CPU seconds of a command for ten texts, after one run that fills caches."""
    return statistics.median([measure.measured(command)["cpu_s"] for _ in range(1 + STARTS)][1:])


def _ways(source: Path, out: Path, threshold: float, num_perm: int, peers: list[str]) -> dict[str, list[str]]:
    """Way -> command, which writes its clusters into `out`."""
    ways = {OURS: ours.command(source, _output(out, OURS), threshold, num_perm)}
    for peer in peers:
        try:
            start = [str(python_of(peer)), str(HERE / f"{peer}_way.py"), str(source)]
            ways[peer] = [*start, str(_output(out, peer)), str(threshold), str(num_perm)]
        except NotInstalled as why:
            print(f"without {peer}: {why}", file=sys.stderr)
    return ways


def _output(out: Path, way: str) -> Path:
    return out / f"{way.replace(' ', '-')}.parquet"


def _rates(way: str, out: Path, source: Path, threshold: float) -> tuple[float, float]:
    """Recall and precision of the last round."""
    found = pl.read_parquet(_output(out, way))
    if way == OURS:
        found = found.rename({"cluster_id": "cluster"})
    pairs = truth.cached(source).filter(pl.col("jaccard") >= threshold)
    clusters = found.select("id", "cluster")
    both = pairs.join(clusters, on="id").join(clusters.rename({"id": "other"}), on="other")
    recall = both.filter(pl.col("cluster") == pl.col("cluster_right")).height / max(1, pairs.height)
    return recall, _kept_rightly(found, pairs, source, threshold) if way == OURS else _connected(clusters, pairs)


def _kept_rightly(found: pl.DataFrame, pairs: pl.DataFrame, source: Path, threshold: float) -> float:
    """Share of the dropped rows whose keeper is kept and similar enough; pairs that are not known are compared."""
    dropped = found.filter(~pl.col("is_kept")).select("id", other="keeper_id")
    kept_for = dropped.join(found.filter("is_kept").select(other="id"), on="other")
    known = pl.concat([pairs.select("id", "other"), pairs.select(id="other", other="id")])
    unknown = kept_for.join(known, on=["id", "other"], how="anti")
    wanted = pl.concat([unknown["id"], unknown["other"]]).unique().to_list()
    rows = pl.scan_parquet(source).filter(pl.col("id").is_in(wanted)).select("id", "text").collect()
    texts = dict(rows.iter_rows())
    n_found = sum(truth.jaccard(texts[one], texts[other]) >= threshold for one, other in unknown.iter_rows())
    return (kept_for.height - unknown.height + n_found) / max(1, dropped.height)


def _connected(clusters: pl.DataFrame, pairs: pl.DataFrame) -> float:
    """Share of the pairs within clusters that are within one component of the truth."""
    both = clusters.join(truth.components(pairs, clusters["id"]), on="id")
    n_pairs = (pl.col("len").cast(pl.Int64) * (pl.col("len").cast(pl.Int64) - 1) // 2).sum()
    n_found = both.group_by("cluster").len().select(n_pairs).item()
    return both.group_by("cluster", "component").len().select(n_pairs).item() / max(1, n_found)


def _cells(result: Result, ours: Result) -> str:
    """Medians; ratios are made within a round: the median, and the smallest and the largest where there are several."""
    cells = []
    for start, our_start in ((0.0, 0.0), (result.start_s, ours.start_s)):
        mine, theirs = [cpu - our_start for cpu in ours.cpu_s], [cpu - start for cpu in result.cpu_s]
        ratios = [one / our for one, our in zip(theirs, mine, strict=True)]
        spread = f" ({min(ratios):.1f} to {max(ratios):.1f})" if len(ratios) > 1 else ""
        cells += [f"{statistics.median(theirs):.2f}", f"{statistics.median(ratios):.1f}{spread}"]
    cells += [f"{statistics.median(result.peak_mib):,.0f}", f"{result.recall:.4f}", f"{result.precision:.4f}"]
    return " | ".join(cells)


if __name__ == "__main__":
    main()

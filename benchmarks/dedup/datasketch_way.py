"""datasketch, in an environment of its own: xxh32, `MinHash.bulk`, and `MinHashLSH` with its default weights.

`python datasketch_way.py IN OUT THRESHOLD NUM_PERM` writes id and cluster: the components of what the index says are
candidates. `python datasketch_way.py IN NUM_PERM` only signs, on one core. Both print CPU seconds by stage.
"""

import sys
from collections.abc import Iterator

import task
import xxhash
from datasketch import MinHash, MinHashLSH


def signatures(texts: list[str], num_perm: int, stages: task.Stages) -> Iterator[MinHash]:
    """A signature a text."""
    for batch in task.batches(texts):
        sets = [task.shingles(text.encode().split(), b" ") for text in batch]
        stages.done("shingles")
        signed = MinHash.bulk(sets, num_perm=num_perm, hashfunc=xxhash.xxh32_intdigest)
        stages.done("signatures")
        yield from signed


def candidates(texts: list[str], threshold: float, num_perm: int, stages: task.Stages) -> Iterator[tuple[int, int]]:
    """Every row with the rows before it that share a band."""
    index = MinHashLSH(threshold=threshold, num_perm=num_perm)
    for row, signature in enumerate(signatures(texts, num_perm, stages)):
        for other in index.query(signature):
            yield row, other
        index.insert(row, signature, check_duplication=False)
        stages.done("index")


def sign(texts: list[str], num_perm: int, stages: task.Stages) -> int:
    """Sign all texts; returns how many."""
    return sum(1 for _ in signatures(texts, num_perm, stages))


if __name__ == "__main__":
    task.main(sign, candidates, *sys.argv[1:])

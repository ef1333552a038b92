"""rensa, in an environment of its own: `RMinHash` of strings, and its `RMinHashLSH`.

`python rensa_way.py IN OUT THRESHOLD NUM_PERM` writes id and cluster: the components of what the index says are
candidates. Its bands have to use every permutation, so they are the best of those that do, by datasketch's measure.
`python rensa_way.py IN NUM_PERM` only signs, by its quickest way from strings, on one core. Both print CPU seconds by
stage.
"""

import sys
from collections.abc import Iterator

import task
from rensa import RMinHash, RMinHashLSH

SEED = 42


def candidates(texts: list[str], threshold: float, num_perm: int, stages: task.Stages) -> Iterator[tuple[int, int]]:
    """Every row with the rows that share a band."""
    n_bands, _ = task.bands(threshold, num_perm, use_all=True)
    index = RMinHashLSH(threshold=threshold, num_perm=num_perm, num_bands=n_bands)
    signatures: list[RMinHash] = []
    for batch in task.batches(texts):
        sets = [task.shingles(text.split(), " ") for text in batch]
        stages.done("shingles")
        signatures += RMinHash.from_token_sets(sets, num_perm, SEED)
        stages.done("signatures")
    index.insert_many(signatures)
    for row, others in enumerate(index.query_all(signatures)):
        for other in others:
            if other < row:
                yield row, other
    stages.done("index")


def sign(texts: list[str], num_perm: int, stages: task.Stages) -> int:
    """Sign all texts, in a matrix of rensa's own; returns how many."""
    n = 0
    for batch in task.batches(texts):
        sets = [task.shingles(text.split(), " ") for text in batch]
        stages.done("shingles")
        n += RMinHash.digest_matrix_from_token_sets(sets, num_perm, SEED).len()
        stages.done("signatures")
    return n


if __name__ == "__main__":
    task.main(sign, candidates, *sys.argv[1:])

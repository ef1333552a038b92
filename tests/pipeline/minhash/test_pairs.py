"""How many pairs a bucket gives."""

import numpy as np

from pipeline.minhash.pairs import MET, WHOLE_BUCKET, pairs_of


def pairs(size: int, n_kept: int = 0) -> tuple[set[tuple[int, int]], int]:
    found, n_left_out = pairs_of(np.arange(size), np.array([0, size]), n_kept)
    assert len(set(found.tolist())) == len(found)
    return {(int(pair) >> 32, int(pair) & 0xFFFFFFFF) for pair in found}, n_left_out


def test_a_bucket_gives_all_its_pairs() -> None:
    found, n_left_out = pairs(WHOLE_BUCKET)
    assert found == {(i, j) for j in range(WHOLE_BUCKET) for i in range(j)}
    assert n_left_out == 0


def test_in_a_giant_bucket_each_row_meets_the_first_and_those_before_it() -> None:
    size = WHOLE_BUCKET + 40
    found, n_left_out = pairs(size)
    assert {i for i, j in found if j == size - 1} == {*range(MET), *range(size - 1 - MET, size - 1)}
    assert len(found) + n_left_out == size * (size - 1) // 2


def test_what_is_kept_in_any_case_is_not_compared_with_itself() -> None:
    assert pairs(4, n_kept=2)[0] == {(0, 2), (1, 2), (0, 3), (1, 3), (2, 3)}

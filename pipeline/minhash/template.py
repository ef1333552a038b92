"""Templates: what many texts of one source share, and what is left of each text to compare.

Prompts of one source often share a template that would make all of them near-duplicates. Within a group, shingles
fall into three classes: *frame*, in more than half of its distinct texts; *stock*, in more than a stated share of them;
and a text's *own*. Only own shingles are compared. Where they are fewer than the stock ones, a text differs from its
neighbours in how it combines common pieces (a Blocksworld problem: which of a dozen sentences it has), of which a set
of shingles says nothing: it is left without any.

Shares are counted on a sample of at most `SAMPLE` distinct texts of each group, those with the smallest digests, which
no order of rows changes.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.compiled import Bits, inner, kernel
from pipeline.shingling import Shingles, shingles_of
from pipeline.shingling.hashing import WORD_FACTOR, U
from pipeline.shingling.table import slot_of

FRAME_SHARE = 0.5
"""A shingle in more than this share of a group's texts is its frame: it tells no two of them apart."""

MIN_TEMPLATE_TEXTS = 10
"""A shingle in fewer texts of its group than this is never template: a handful of copies is not one."""

SAMPLE = 4096
"""Most distinct texts of a group in which shingles are counted."""

FRAME, STOCK = 1, 2


class Template(NamedTuple):
    """Shingles that are template: slots of a hash table (uint64, 0 where free) and the class of each (uint8)."""

    slots: np.ndarray
    classes: np.ndarray

    def own(self, sets: Shingles, groups: np.ndarray) -> Shingles:
        """What is left of sets of distinct shingles; `groups` has the number of each one's group, from 0."""
        sizes = np.empty(len(groups), np.int64)
        out = np.empty_like(sets.hashes)
        total = own_shingles(sets, groups, self.slots, self.classes, out, sizes)
        return shingles_of(sizes, out[:total].copy())


def sampled(digests: np.ndarray, groups: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Of texts, by row, those in which the shingles of their group are counted: of equal ones the first."""
    frame = pl.DataFrame({"row": rows, "group": groups[rows], "one": digests[rows, 0], "other": digests[rows, 1]})
    frame = frame.unique(["group", "one", "other"], keep="first", maintain_order=True)
    place = pl.struct("one", "other").rank("ordinal").over("group")
    return frame.filter(place <= SAMPLE)["row"].to_numpy()


def template_of(sets: Shingles, groups: np.ndarray, max_share: float) -> Template | None:
    """The template of each group, from the sets of its sampled texts; None where no shingle is common."""
    group_of = np.repeat(groups, np.diff(sets.offsets))
    n_texts = np.bincount(groups)
    found = (
        pl.DataFrame({"group": group_of, "hash": sets.hashes})
        .group_by("group", "hash")
        .len()
        .with_columns(n=pl.lit(n_texts).gather("group"))
        .with_columns(common=pl.max_horizontal(max_share * pl.col("n"), pl.lit(MIN_TEMPLATE_TEXTS - 1)))
        .filter(pl.col("len") > pl.col("common"))
        .with_columns(frame=pl.max_horizontal(FRAME_SHARE * pl.col("n"), "common"))
        .select("group", "hash", is_frame=pl.col("len") > pl.col("frame"))
    )
    if found.is_empty():
        return None
    n_slots = 1 << (2 * found.height).bit_length()
    slots, classes = np.zeros(n_slots, np.uint64), np.zeros(n_slots, np.uint8)
    columns = (found["group"].to_numpy(), found["hash"].to_numpy(), found["is_frame"].to_numpy())
    put_template(*columns, slots, classes)
    return Template(slots, classes)


@inner
def key_of(group: int, x: Bits) -> Bits:
    """The key of a shingle of a group."""
    return (x ^ (U(group + 1) * WORD_FACTOR)) | U(1)


@kernel
def put_template(
    groups: np.ndarray, hashes: np.ndarray, is_frame: np.ndarray, slots: np.ndarray, classes: np.ndarray
) -> None:
    """Fill the table of a template."""
    for k in range(len(hashes)):
        key = key_of(groups[k], hashes[k])
        slot = slot_of(slots, U(len(slots) - 1), key)
        slots[slot] = key
        classes[slot] = FRAME if is_frame[k] else STOCK


@kernel
def own_shingles(
    sets: Shingles, groups: np.ndarray, slots: np.ndarray, classes: np.ndarray, out: np.ndarray, sizes: np.ndarray
) -> int:
    """Write the own shingles of each text one after another, and their numbers to `sizes`; returns the total."""
    total = 0
    for i in range(len(groups)):
        n, n_stock = 0, 0
        for k in range(sets.offsets[i], sets.offsets[i + 1]):
            slot = slot_of(slots, U(len(slots) - 1), key_of(groups[i], sets.hashes[k]))
            if slots[slot] == U(0):
                out[total + n] = sets.hashes[k]
                n += 1
            elif classes[slot] == STOCK:
                n_stock += 1
        sizes[i] = n if n >= n_stock else 0
        total += sizes[i]
    return total

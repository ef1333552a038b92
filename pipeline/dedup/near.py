"""Near-duplicates: MinHash proposes pairs, exact Jaccard similarity decides, and every dropped row names its keeper.

Texts are compared as sets of shingles (`pipeline.shingling`; `template` says how what a source's texts share is left
out). The bands of MinHash signatures propose a pair at the threshold with a stated probability; each pair is then
verified on the shingles themselves, so that precision is 1. A cluster is a connected component of verified pairs, but
a row is dropped only if it reaches the threshold with a row that is *kept*: a chain of near-duplicates can join two
texts that have nothing in common.
"""

import numpy as np
import polars as pl

from pipeline.dedup.find import Found, find_duplicates
from pipeline.dedup.texts import parts_of
from pipeline.minhash.pairs import Rows
from schemas.recipe import Similarity

KEPT = "kept"
EXACT_DUPLICATE = "exact_duplicate"
NEAR_DUPLICATE = "near_duplicate"
PUBLISHED = "published"

SIMILARITY = Similarity()


def near_duplicates(frame: pl.DataFrame, how: Similarity = SIMILARITY) -> pl.DataFrame:
    """Which rows duplicate which: one row a row of `frame`, sorted by id, whatever the order of the input.

    `frame` has id (text or whole numbers, unique) and text, both without nulls; optionally group (whose template is
    recognised where `max_document_share` is below 1), among (only rows with the same value are compared), is_held
    (such rows are kept in any case) and keep_by (the row with the highest value is kept, one without a value
    last; among equals the smallest id).

    Returns id, cluster_id (smallest id of the component), is_kept, keeper_id (null where kept), similarity to the
    keeper (Jaccard of the compared shingles, 1 for the same normalised text, null where kept) and reason (kept,
    exact_duplicate, near_duplicate).
    """
    rows = rows_of(frame)
    return decisions(frame["id"], find_duplicates(parts_of(frame["text"]), rows, how))


def rows_of(frame: pl.DataFrame, n_published: int = 0) -> Rows:
    """What decides beside the texts, from the columns of `near_duplicates`; rows that are published come first."""
    published = np.zeros(n_published, np.int64)
    nothing = np.zeros(frame.height, np.int64)
    has = frame.columns.__contains__
    groups = frame["group"].fill_null("").rank("dense").cast(pl.Int64).to_numpy() - 1 if has("group") else nothing
    among = frame["among"].hash().to_numpy() if has("among") else nothing
    return Rows(
        np.concatenate([np.arange(n_published), ranks(frame) + n_published]),
        np.concatenate([published, groups]),
        np.concatenate([published, among]).astype(np.uint64),
        n_published + (int(frame["is_held"].to_numpy().sum()) if has("is_held") else 0),
    )


def ranks(frame: pl.DataFrame) -> np.ndarray:
    """The place of each row in the order in which rows are kept, from 0: int64 [n]."""
    by = [name for name in ("is_held", "keep_by", "id") if name in frame.columns]
    if "keep_by" in by and frame["keep_by"].dtype.is_float():
        frame = frame.with_columns(pl.col("keep_by").fill_nan(None))
    order = frame.select(by).with_row_index("row").sort(by, descending=[name != "id" for name in by], nulls_last=True)
    out = np.empty(frame.height, np.int64)
    out[order["row"].to_numpy()] = np.arange(frame.height)
    return out


def decisions(ids: pl.Series, found: Found, published: pl.Series | None = None) -> pl.DataFrame:
    """What is found, as rows by id; with the ids of what is published, all ids are text."""
    n_published = 0 if published is None else len(published)
    if published is not None:
        ids = ids.cast(pl.String)
    every = ids if published is None else published.rename(ids.name).append(ids)
    rows = np.arange(n_published, n_published + len(ids))
    first = found.first[rows]
    is_near = found.keeper[first] >= 0
    keeper = np.where(is_near, found.keeper[first], first)
    decided = pl.DataFrame(
        {
            "id": ids,
            "component": found.component[first],
            "keeper_id": every.gather(keeper),
            "similarity": np.where(is_near, found.similarity[first], 1.0),
            "is_near": is_near,
            "is_kept": keeper == rows,
            "is_published": keeper < n_published,
        }
    )
    dropped = pl.when(~pl.col("is_kept"))
    near = pl.when("is_near").then(pl.lit(NEAR_DUPLICATE)).otherwise(pl.lit(EXACT_DUPLICATE))
    return (
        decided.select(
            "id",
            "is_kept",
            cluster_id=pl.col("id").min().over("component"),
            keeper_id=dropped.then("keeper_id"),
            similarity=dropped.then("similarity"),
            reason=pl.when("is_kept").then(pl.lit(KEPT)).when("is_published").then(pl.lit(PUBLISHED)).otherwise(near),
        )
        .select("id", "cluster_id", "is_kept", "keeper_id", "similarity", "reason")
        .sort("id")
    )

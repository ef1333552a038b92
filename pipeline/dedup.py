"""Near-duplicates: MinHash proposes pairs, exact Jaccard similarity decides, and every dropped row names its keeper.

Texts are compared as sets of word shingles (`pipeline.shingles`, which also says how a source's template is left
out). MinHash signatures (datasketch) cut into bands propose pairs; each is verified on the shingles themselves, so
precision is 1 and recall is that of the bands, chosen to reach `RECALL` at the threshold. A cluster is a connected
component of verified pairs, but a row is dropped only if it reaches the threshold with a row that is *kept*: a
chain of near-duplicates can join two texts that have nothing in common.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypedDict, Unpack

import polars as pl
from datasketch import MinHash
from pydantic import ValidationError

from pipeline.rows import flat, require_column, require_unique, require_valid
from pipeline.shingles import Shingles, jaccard, normalised, own_shingles, shingles
from schemas.errors import RecipeError
from schemas.recipe import Screen
from schemas.recipe_file import explain

KEPT = "kept"
EXACT_DUPLICATE = "exact_duplicate"
NEAR_DUPLICATE = "near_duplicate"

RECALL = 0.97
"""Lowest probability with which a pair at the threshold is proposed."""


class Comparison(TypedDict, total=False):
    """How texts are compared; what is left out has the default of `near_duplicates`."""

    threshold: float
    ngram: int
    num_perm: int
    max_document_share: float


class Keeper(NamedTuple):
    """The kept text that a dropped one duplicates, by number, and the Jaccard similarity of the two."""

    text: int
    similarity: float


def dedup_rows(
    frame: pl.DataFrame, *, id: str = "id", text: str = "text", keep_by: str | None = None, where: str = "input",
    **comparison: Unpack[Comparison],
) -> pl.DataFrame:  # fmt: skip
    """Find the duplicates in any frame by the names of its columns: `coldstart dedup`.

    Returns what `near_duplicates` does. A setting out of bounds is a RecipeError. A missing column, an id that is
    null, empty or there twice and a text that is none are a SchemaError with `where`, record (from 1), column, found
    and wanted. As in `rows.read_rows`, nested values are their JSON text.
    """
    try:
        Screen.model_validate(comparison)
    except ValidationError as error:
        raise RecipeError(explain(error, Screen, "dedup")) from None
    wanted = {"id": id, "text": text} | ({"keep_by": keep_by} if keep_by else {})
    for column in wanted.values():
        require_column(column, frame.columns, where)
    frame = flat(frame)
    ids, texts = frame[id], frame[text]
    is_id = (ids.cast(pl.String) != "").fill_null(False) & (ids.dtype.is_integer() or ids.dtype == pl.String)
    require_valid(frame, id, is_id, "a whole number, or text that is not empty", where)
    require_unique(frame, id, where)
    require_valid(frame, text, texts.is_not_null() & (texts.dtype == pl.String), "text", where)
    return near_duplicates(frame.select(pl.col(column).alias(name) for name, column in wanted.items()), **comparison)


def near_duplicates(
    frame: pl.DataFrame,
    *,
    threshold: float = 0.7,
    ngram: int = 5,
    num_perm: int = 128,
    max_document_share: float = 1.0,
) -> pl.DataFrame:
    """Which rows duplicate which: one row a row of `frame`, sorted by id, whatever the order of the input.

    `frame` has id (text or whole numbers, unique) and text, both without nulls; optionally group (whose template is
    recognised where `max_document_share` is below 1) and keep_by (the row with the highest value is kept, one without
    a value last; among equals the smallest id).

    Returns id, cluster_id (smallest id of the component), is_kept, keeper_id (null where kept), similarity to the
    keeper (Jaccard of the compared shingles, 1 for the same normalised text, null where kept) and reason (kept,
    exact_duplicate, near_duplicate).
    """
    ranked = _ranked(frame)
    texts = [normalised(text) for text in ranked["text"]]
    group_of = dict(zip(reversed(texts), reversed(ranked["group"].to_list()), strict=True))
    distinct = list(dict.fromkeys(texts))
    groups = [group_of[text] for text in distinct]
    own = own_shingles([shingles(text, ngram) for text in distinct], groups, max_document_share)
    component = _components(own, threshold, num_perm)
    keepers = dict(_dropped(own, component, threshold))
    number = {text: i for i, text in enumerate(distinct)}
    return _decisions(ranked["id"], [number[text] for text in texts], component, keepers)


def bands(threshold: float, num_perm: int) -> tuple[int, int]:
    """Number of bands and rows in each: the longest bands that propose a pair at the threshold often enough.

    A pair of similarity s agrees in some band with probability 1 - (1 - s^rows)^bands. datasketch's own choice
    weighs missed and needless pairs alike and misses 16 % of the true pairs at 0.7.
    Source: Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, section 3.4.

    >>> bands(0.7, 128)
    (25, 5)
    """
    for rows in range(num_perm, 1, -1):
        if 1 - (1 - threshold**rows) ** (num_perm // rows) >= RECALL:
            return num_perm // rows, rows
    return num_perm, 1


def _ranked(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows in the order in which they are kept: from here on the smaller number wins."""
    if "group" not in frame.columns:
        frame = frame.with_columns(group=pl.lit(""))
    if "keep_by" not in frame.columns:
        return frame.sort("id")
    keep_by = pl.col("keep_by").fill_nan(None) if frame["keep_by"].dtype.is_float() else pl.col("keep_by")
    return frame.sort(keep_by, "id", descending=[True, False], nulls_last=True)


def _components(texts: Sequence[Shingles], threshold: float, num_perm: int) -> list[int]:
    """For each text the smallest number in its connected component of verified pairs.

    Within a bucket a text is compared with each component only until one member is near, which keeps a bucket of
    copies linear.
    """
    parent = list(range(len(texts)))
    for bucket in _buckets(texts, threshold, num_perm):
        members: dict[int, list[int]] = {}
        for i in bucket:
            near = [r for r in members if r == _root(parent, i) or _any_near(i, members[r], texts, threshold)]
            joined = [i, *(member for r in near for member in members.pop(r))]
            top = min(_root(parent, member) for member in (i, *near))
            for r in (_root(parent, i), *near):
                parent[r] = top
            members[top] = joined
    return [_root(parent, i) for i in range(len(texts))]


def _buckets(texts: Sequence[Shingles], threshold: float, num_perm: int) -> Iterator[list[int]]:
    """Texts that agree in a band, two or more at a time; texts without shingles agree with none."""
    compared = [i for i, text in enumerate(texts) if text]
    hashed = ([shingle & 0xFFFFFFFF for shingle in texts[i]] for i in compared)
    sketches = MinHash.generator(hashed, num_perm=num_perm, hashfunc=int, scheme="affine32")
    signatures = [sketch.hashvalues for sketch in sketches]
    n_bands, n_rows = bands(threshold, num_perm)
    for start in range(0, n_bands * n_rows, n_rows):
        buckets = defaultdict(list)
        for i, signature in zip(compared, signatures, strict=True):
            buckets[signature[start : start + n_rows].tobytes()].append(i)
        yield from (bucket for bucket in buckets.values() if len(bucket) > 1)


def _root(parent: list[int], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


def _any_near(i: int, others: Iterable[int], texts: Sequence[Shingles], threshold: float) -> bool:
    return any(_similarity(texts[i], texts[other], threshold) >= threshold for other in others)


def _similarity(a: Shingles, b: Shingles, threshold: float) -> float:
    """Jaccard similarity, or 0 where the sizes alone keep it below the threshold."""
    small, large = sorted((len(a), len(b)))
    return jaccard(a, b) if small >= threshold * large else 0.0


def _dropped(texts: Sequence[Shingles], component: Sequence[int], threshold: float) -> Iterator[tuple[int, Keeper]]:
    """The texts that reach the threshold with a kept text of their component, and the nearest such text."""
    kept: dict[int, list[int]] = defaultdict(list)
    for i, top in enumerate(component):
        nearest = max(
            (Keeper(k, _similarity(texts[i], texts[k], threshold)) for k in kept[top]),
            key=lambda keeper: (keeper.similarity, -keeper.text),
            default=None,
        )
        if nearest and nearest.similarity >= threshold:
            yield i, nearest
        else:
            kept[top].append(i)


def _decisions(
    ids: pl.Series, texts: Sequence[int], component: Sequence[int], keepers: dict[int, Keeper]
) -> pl.DataFrame:
    """Decisions on rows, in order of rank, from those on distinct texts; `texts` is each row's number of text."""
    first: dict[int, Any] = {}
    smallest: dict[int, Any] = {}
    for id, text in zip(ids, texts, strict=True):
        first.setdefault(text, id)
        smallest[component[text]] = min(id, smallest.get(component[text], id))
    rows = []
    for id, text in zip(ids, texts, strict=True):
        keeper, similarity = keepers.get(text, Keeper(text, 1.0))
        is_kept = first[keeper] == id
        reason = KEPT if is_kept else NEAR_DUPLICATE if text in keepers else EXACT_DUPLICATE
        of = (None, None) if is_kept else (first[keeper], similarity)
        rows.append((id, smallest[component[text]], is_kept, *of, reason))
    schema: dict[str, Any] = {
        "id": ids.dtype, "cluster_id": ids.dtype, "is_kept": pl.Boolean, "keeper_id": ids.dtype,
        "similarity": pl.Float64, "reason": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row").sort("id")

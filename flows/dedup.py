"""The verb `dedup`: which texts of a file are copies of which, or of what is published already."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.file_verbs import output_option, write_counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from pipeline.dedup.file import Columns, Input
    from pipeline.dedup.find import Others
    from pipeline.store import Run
    from schemas.recipe import Similarity

MIB = 1 << 20


@click.command()
@click.argument("input")
@output_option
@click.option("--id", "id_", default="id", show_default=True, help="Column of the ids.")
@click.option("--text", default="text", show_default=True, help="Column of the texts.")
@click.option("--keep-by", metavar="COL", default="", help="Keep the row with the highest value of this column.")
@click.option("--group", metavar="COL", default="", help="Source of each text, whose template is left out.")
@click.option("--among", metavar="COL", default="", help="Only compare rows with the same value.")
@click.option("--threshold", type=float, help="Jaccard similarity of near-duplicates [default: 0.7].")
@click.option("--ngram", type=int, help="Words, or characters, in a shingle [default: 5].")
@click.option("--unit", type=click.Choice(["word", "character"]), help="What shingles are made of [default: word].")
@click.option("--mask-numbers", is_flag=True, default=None, help="Texts that differ in numbers alone are the same.")
@click.option("--num-perm", type=int, help="MinHash permutations [default: 128].")
@click.option("--recall", type=float, help="Probability of finding a pair at the threshold [default: 0.99].")
@click.option("--max-document-share", type=float, help="Ignore shingles in more of a group's texts [default: 1].")
@click.option("--memory", type=click.IntRange(min=1), help="MiB before files  [default: 256].")
@click.option(
    "--against", multiple=True, metavar="WHERE", help="Also drop what this has: an index, or files and data sets."
)
@click.option("--add-to", metavar="INDEX", help="Add the kept rows to this index, or make it.")
@click.option("--embedder", metavar="WHERE", help="Compare meanings: a model2vec folder, or URL#MODEL.")
@click.option("--cosine", type=float, help="Cosine of semantic duplicates.  [default: 0.9]")
def dedup(input: str, output: str, **options: Any) -> None:
    """Find near-duplicates among the texts in a file.

    id, text -> id, cluster_id, is_kept, keeper_id, similarity, reason. A local Parquet file is read as a stream.
    """
    import pyarrow as pa

    from pipeline.dedup.file import Columns, read_input
    from pipeline.rows import check_output

    pa.set_memory_pool(pa.system_memory_pool())  # its own would keep the memory of texts that were read

    how = _similarity(options)
    for source in (input, *(where.partition("#")[0] for where in options["against"])):
        check_output(output, source)
    _require_fit(options, how)
    columns = Columns(options["id_"], options["text"], options["keep_by"], options["group"], options["among"])
    if options["embedder"]:
        write_counted(_semantic(input, columns, options), output, "reason")
    else:
        write_counted(_near(read_input(input, columns), how, options), output, "reason")


def _similarity(options: dict[str, Any]) -> "Similarity":
    """The settings that the options describe; RecipeError where one is out of bounds."""
    from pydantic import ValidationError

    from schemas.errors import RecipeError
    from schemas.recipe import Similarity
    from schemas.recipe_file import explain

    given = {name: options[name] for name in Similarity.model_fields if options[name] is not None}
    try:
        return Similarity.model_validate(given)
    except ValidationError as error:
        raise RecipeError(explain(error, Similarity, "dedup")) from None


def _require_fit(options: dict[str, Any], how: "Similarity") -> None:
    """Raise a RecipeError for options that would do nothing beside the others."""
    from schemas.errors import RecipeError
    from schemas.recipe import Similarity

    near_only = ("against", "add_to", "group", "among", "memory", *Similarity.model_fields)
    given = {name for name, value in options.items() if value not in (None, "", ())}
    for name, beside, why in (
        *((name, "embedder", "only near-duplicates know it") for name in near_only),
        ("group", "against", "what is published has no groups"),
        ("among", "against", "what is published has no such column"),
    ):
        if {name, beside} <= given:
            raise RecipeError(f"--{name.replace('_', '-')} does not go with --{beside}: {why}")
    if "cosine" in given and "embedder" not in given:
        raise RecipeError("--cosine needs --embedder; --threshold is for near-duplicates")
    if "group" in given and how.max_document_share == 1:
        raise RecipeError("--group needs --max-document-share below 1, such as 0.1: at 1 no template is left out")


def _near(input: "Input", how: "Similarity", options: dict[str, Any]) -> "pl.DataFrame":
    """Near-duplicates, of what is published too; the kept rows go to the index where there is to be one."""
    from flows.console import say
    from pipeline.dedup.file import decide

    index = _opening(input, how)
    others = _others(options["against"], input, index) if options["against"] else None
    add_kept = _adding(index(options["add_to"]), input, how) if options["add_to"] else None
    decided = decide(input, how, others, (options["memory"] or 256) * MIB)
    if decided.n_left_out:
        say(
            f"{decided.n_left_out} pairs, counted once a bucket, were left out of buckets in which very many texts "
            "agree, as where they share a template, which --max-document-share leaves out",
            err=True,
        )
    if add_kept:
        say(f"{options['add_to']}: {add_kept(decided.rows)} texts added", err=True)
    return decided.rows


def _opening(input: "Input", how: "Similarity") -> "Callable[[str], Run]":
    """What opens an index, once, that goes with the settings and holds no other texts under the ids of the input."""
    from pipeline.dedup.published import open_index, require_same_texts

    @cache
    def opened(where: str) -> "Run":
        run = open_index(where, how)
        require_same_texts(run, input.rows["id"], input.parts, how)
        return run

    return opened


def _adding(index: "Run", input: "Input", how: "Similarity") -> "Callable[[pl.DataFrame], int]":
    """What adds the rows of a decision that are kept to an index, and returns their number."""
    import polars as pl

    from pipeline.dedup.published import add

    def add_kept(decided: pl.DataFrame) -> int:
        ids = input.rows.select(pl.col("id").cast(pl.String)).with_row_index("row")
        kept = decided.filter("is_kept").select(pl.col("id").cast(pl.String))
        return add(index, input.parts, ids.join(kept, on="id", how="semi", maintain_order="left"), how)

    return add_kept


def _others(against: "Sequence[str]", input: "Input", index: "Callable[[str], Run]") -> "Others":
    """What rows are compared with beside each other: an index, or the texts of files and data sets."""
    import polars as pl

    from pipeline.contamination.benchmarks import read_benchmarks, usual
    from pipeline.dedup.published import Index, Texts
    from pipeline.rows import SUFFIXES
    from schemas.errors import RecipeError, StoreError
    from schemas.messages import did_you_mean
    from schemas.tables import Published

    indexes = [where for where in against if not _is_data_set(where)]
    if not indexes:
        found = read_benchmarks(against)
        return Texts(
            found.select(pl.concat_str("benchmark", "benchmark_row", separator=":")).to_series(), found["text"]
        )
    where = indexes[0]
    run = index(where)
    if run.manifest(Published) is None:
        raise StoreError(
            f"--against {where}: there is no index here (--add-to {where} makes one), and it is neither a file that "
            f"ends in {', '.join(SUFFIXES)} nor a data set, ID@REVISION or a name of the bundled list"
            f"{did_you_mean(where.lower(), usual())}"
        )
    if len(against) > 1:
        raise RecipeError(f"--against {where}: an index goes alone; add the other texts to it with --add-to {where}")
    return Index(run, input.rows["id"])


def _is_data_set(where: str) -> bool:
    """Whether a place is a file, or a data set by its name, rather than an index."""
    from pipeline.contamination.benchmarks import usual
    from pipeline.rows import SUFFIXES

    name = where.partition("#")[0].lower()
    is_named = name in usual() or ("@" in name and "://" not in name)
    return not Path(where).is_dir() and (is_named or name.endswith(SUFFIXES))


def _semantic(input: str, columns: "Columns", options: dict[str, Any]) -> "pl.DataFrame":
    """Duplicates by the cosine of embeddings, which only go with a column to keep by."""
    from pipeline.dedup.file import checked
    from pipeline.dedup.semantic import semantic_duplicates
    from pipeline.embeddings import open_embedder
    from pipeline.rows import read_rows

    frame = read_rows(input, list(columns.named().values()))
    rows = checked(frame, columns, input)
    embedder, cosine = open_embedder(options["embedder"]), 0.9 if options["cosine"] is None else options["cosine"]
    return semantic_duplicates(rows.with_columns(text=frame[columns.text]), embedder, cosine)

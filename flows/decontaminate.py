"""The verb `decontaminate`: which rows of a file a benchmark holds, by several rules."""

from typing import TYPE_CHECKING, Any

import click

from flows.file_verbs import output_option

if TYPE_CHECKING:
    import polars as pl

    from schemas.recipe import Decontaminate

RULES = ("ngram_8", "ngram_13", "coverage_8", "numbers", "embedding")


@click.command()
@click.argument("input")
@output_option
@click.option(
    "--against", multiple=True, metavar="BENCH[#COL]", help="File, ID@REVISION on the Hub, or name; may be repeated."
)
@click.option("--id", "id_", default="id", show_default=True, help="Column of the ids.")
@click.option("--text", default="text", show_default=True, help="Column of the texts.")
@click.option("--answer", metavar="COL", help="Column of the answers, for the rule numbers.")
@click.option("--rule", "rules", multiple=True, type=click.Choice(RULES), help="May be repeated.")
@click.option("--coverage", type=float, help="Rule coverage_8: share of a benchmark row's words above which it is hit.")
@click.option("--number-overlap", type=float, help="Rule numbers: share of the numbers that must be the same.")
@click.option("--word-similarity", type=float, help="Rule numbers: TF-IDF cosine of the words.")
@click.option("--cosine", type=float, help="Rule embedding: cosine from which the nearest row is hit.")
@click.option("--embedder", metavar="WHERE", help="Rule embedding: folder of a model2vec model, or URL#MODEL.")
@click.option("--judge", metavar="URL#MODEL", help="Rule embedding: a chat model that confirms each hit.")
@click.option("--rephraser", metavar="URL#MODEL", help="Self-test: a chat model that rewords the rows too.")
@click.option("--self-test", is_flag=True, help="Also plant benchmark rows, and say which of them each rule finds.")
def decontaminate(input: str, output: str, self_test: bool, **options: Any) -> None:
    """Find the texts in a file that a benchmark holds.

    id, text, answer? -> id, rule, contaminated, benchmark, benchmark_row, score: a row an id and rule.
    """
    from flows.console import show_table
    from pipeline.contamination.benchmarks import read_benchmarks
    from pipeline.contamination.rules import compare
    from pipeline.rows import check_output
    from schemas.errors import RecipeError

    config = _config(options)
    if config.rephraser and not self_test:
        raise RecipeError("--rephraser rewords what the self-test plants; add --self-test")
    check_output(output, input)
    for spec in config.benchmarks:
        check_output(output, spec.partition("#")[0])
    rows = _rows(input, options["id_"], options["text"], options["answer"])
    benchmarks = read_benchmarks(config.benchmarks)
    found, counts = compare(rows, benchmarks, config)
    show_table("rules", counts, as_json=False)
    if self_test:
        show_table("self-test", _tested(benchmarks, config), as_json=False)
    _write(found, output)


def _tested(benchmarks: "pl.DataFrame", config: "Decontaminate") -> "pl.DataFrame":
    """What the rules find of rows that are planted, by a model too where there is a rephraser."""
    from pipeline.contamination import self_test
    from pipeline.contamination.chat import chat_model

    generator = chat_model(config.rephraser, "rephraser") if config.rephraser else None
    return self_test.run(benchmarks, self_test.Config(**config.model_dump(), generator=generator))


def _write(found: "pl.DataFrame", output: str) -> None:
    from flows.console import say
    from pipeline.rows import write_rows

    write_rows(found, output)
    hit = found.filter("contaminated")["id"].n_unique()
    say(f"{output}: {found.height} rows: {hit} of {found['id'].n_unique()} texts are contaminated by some rule")


def _config(options: dict[str, Any]) -> "Decontaminate":
    """The settings that the options describe; RecipeError where they do not fit."""
    from pydantic import ValidationError

    from schemas.errors import RecipeError
    from schemas.recipe import Decontaminate
    from schemas.recipe_file import explain

    if not options["against"]:
        raise RecipeError(
            "decontaminate: --against is missing: name a file, ID@REVISION or a benchmark to compare with"
        )
    given = {name: options[name] for name in Decontaminate.model_fields if options.get(name) not in (None, ())}
    given["rules"] = list(options["rules"]) or Decontaminate().rules
    try:
        return Decontaminate.model_validate(given | {"benchmarks": list(options["against"])})
    except ValidationError as error:
        raise RecipeError(explain(error, Decontaminate, "decontaminate")) from None


def _rows(input: str, id: str, text: str, answer: str | None) -> "pl.DataFrame":
    """The rows of the file as id, text and answer, checked."""
    import polars as pl

    from pipeline.required import require_ids, require_texts
    from pipeline.rows import read_rows

    frame = read_rows(input, [id, text, *([answer] if answer else [])])
    require_ids(frame, id, input)
    require_texts(frame, text, input)
    answers = pl.col(answer).cast(pl.String) if answer else pl.lit(None, pl.String)
    return frame.select(pl.col(id).alias("id"), pl.col(text).alias("text"), answers.alias("answer"))

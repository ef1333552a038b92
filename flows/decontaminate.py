"""The verb `decontaminate`: which rows of a file a benchmark holds, by several rules."""

from typing import TYPE_CHECKING, Any

import click

from flows.file_verbs import output_option

if TYPE_CHECKING:
    import polars as pl

    from schemas.recipe import Decontaminate

RULES = ("ngram_8", "ngram_13", "coverage_8", "numbers", "embedding")
OF_RULE = {
    "answer": "numbers",
    "coverage": "coverage_8",
    "number_overlap": "numbers",
    "word_similarity": "numbers",
    "cosine": "embedding",
    "embedder": "embedding",
    "judge": "embedding",
}
"""Options that one rule alone reads."""


@click.command()
@click.argument("input")
@output_option
@click.option(
    "--against", multiple=True, metavar="BENCH[#COL]", help="File, ID@REVISION on the Hub, or name; may be repeated."
)
@click.option("--id", "id_", default="id", show_default=True, help="Column of the ids.")
@click.option("--text", default="text", show_default=True, help="Column of the texts.")
@click.option("--answer", metavar="COL", help="Column of the answers, for the rule numbers.")
@click.option(
    "--rule",
    "rules",
    multiple=True,
    type=click.Choice(RULES),
    help="May be repeated  [default: ngram_13 coverage_8 numbers].",
)
@click.option("--coverage", type=float, help="Rule coverage_8: hit above this share of a row's words  [default: 0.5].")
@click.option(
    "--number-overlap", type=float, help="Rule numbers: share of numbers that must be the same  [default: 0.6]."
)
@click.option(
    "--word-similarity", type=float, help="Rule numbers: TF-IDF cosine of the words, at least  [default: 0.2]."
)
@click.option("--cosine", type=float, help="Rule embedding: cosine from which the nearest row is hit  [default: 0.9].")
@click.option("--embedder", metavar="WHERE", help="Rule embedding: folder of a model2vec model, or URL#MODEL.")
@click.option("--judge", metavar="URL#MODEL", help="Rule embedding: a chat model that confirms each hit.")
@click.option("--rephraser", metavar="URL#MODEL", help="Self-test: a chat model that rewords the rows too.")
@click.option("--self-test", is_flag=True, help="Also plant benchmark rows, and say which of them each rule finds.")
def decontaminate(input: str, output: str, self_test: bool, **options: Any) -> None:
    """Find the texts in a file that a benchmark holds.

    id, text, answer? -> id, rule, contaminated, benchmark, benchmark_row, score: a row an id and rule.
    """
    from flows.console import say, show_table
    from pipeline.contamination import self_test as planted
    from pipeline.contamination.benchmarks import read_benchmarks
    from pipeline.contamination.chat import chat_model
    from pipeline.contamination.rules import compare
    from pipeline.rows import check_output
    from schemas.errors import RecipeError

    config = _config(options)
    if config.rephraser and not self_test:
        raise RecipeError("--rephraser rewords what the self-test plants; add --self-test")
    rephraser = chat_model(config.rephraser, "rephraser") if config.rephraser else None
    check_output(output, input)
    for spec in config.benchmarks:
        check_output(output, spec.partition("#")[0])
    rows = _rows(input, options["id_"], options["text"], options["answer"])
    benchmarks = read_benchmarks(config.benchmarks)
    found, counts = compare(rows, benchmarks, config)
    show_table("rules", counts, as_json=False)
    if "numbers" in config.rules and not options["answer"]:
        say("the rule numbers judged nothing: name the column of the answers with --answer COL", err=True)
    _write(found, output)
    if self_test:
        tested = planted.run(benchmarks, planted.Config(**config.model_dump(), generator=rephraser))
        show_table("self-test", tested, as_json=False)


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
    for name, rule in OF_RULE.items():
        if options[name] is not None and rule not in given["rules"]:
            raise RecipeError(f"--{name.replace('_', '-')} is for the rule {rule}, which is not asked: --rule {rule}")
    try:
        return Decontaminate.model_validate(given | {"benchmarks": list(options["against"])})
    except ValidationError as error:
        raise RecipeError(explain(error, Decontaminate, "decontaminate")) from None


def _rows(input: str, id: str, text: str, answer: str | None) -> "pl.DataFrame":
    """The rows of the file as id, text and answer, checked."""
    import polars as pl

    from pipeline.required import require_ids, require_texts, require_valid
    from pipeline.rows import read_rows

    frame = read_rows(input, [id, text, *([answer] if answer else [])])
    require_ids(frame, id, input)
    require_texts(frame, text, input)
    if answer:
        is_readable = pl.repeat(frame[answer].dtype != pl.Binary, frame.height, eager=True)
        require_valid(frame, answer, is_readable, "text or a number", input)
    answers = pl.col(answer).cast(pl.String) if answer else pl.lit(None, pl.String)
    return frame.select(pl.col(id).alias("id"), pl.col(text).alias("text"), answers.alias("answer"))

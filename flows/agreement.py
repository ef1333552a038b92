"""`coldstart agreement`: how far annotators agree on each question of a file, and what to make of it."""

from typing import TYPE_CHECKING, Any

import click

from flows.file_verbs import output_option, write_counted

if TYPE_CHECKING:
    import polars as pl

inside = click.FloatRange(0, 1, min_open=True, max_open=True)
ADVICE = {
    "firm": "",
    "tentative": ", look at the items where people differ",
    "revise guidelines": ", then ask again: people do not mean the same by the answers",
}


@click.command()
@click.argument("input")
@output_option
@click.option("--confidence", type=inside, default=0.95, show_default=True, help="Of all intervals.")
@click.option(
    "--resamples",
    type=click.IntRange(100, 100_000),
    default=1_000,
    show_default=True,
    help="Times that items are drawn anew for an interval.",
)
@click.option(
    "--judge-kappa",
    type=inside,
    default=0.6,
    show_default=True,
    help="A judge may be used where kappa's interval lies above this.",
)
def agreement(input: str, output: str, confidence: float, resamples: int, judge_kappa: float) -> None:
    """How far annotators agree, question by question.

    INPUT has item (or record_id), annotator, question and value, a row an answer; scale (nominal, ordinal, interval or
    ranking), status, annotator_kind, version and gold (the known answer) may be left out. The output has a row a
    question: Krippendorff's alpha with its interval over items, how to read it, each annotator, and each model judge
    beside the majority of people.
    """
    from annotation.agreement.table import agreement_rows
    from pipeline.rows import check_output, read_rows
    from schemas.errors import SchemaError

    check_output(output, input)
    frame = read_rows(input)
    if frame.is_empty():
        raise SchemaError(f"{input}: no rows; wanted item, annotator, question and value, a row an answer")
    rows = agreement_rows(frame, confidence=confidence, resamples=resamples, judge_threshold=judge_kappa, where=input)
    if rows.is_empty():
        raise SchemaError(f"{input}: none of the {frame.height} rows is a submitted answer with a value")
    write_counted(rows, output, "reading")
    tell(rows, confidence)


def tell(rows: "pl.DataFrame", confidence: float = 0.95) -> None:
    """Say what each question came to, and each judge on it; then show the annotators."""
    import polars as pl

    from flows.console import cell, say, show_table

    for row in rows.iter_rows(named=True):
        say(f"{cell(row['question'])}: {_sentence(row, confidence)}")
        for judge in row["judges"]:
            say(f"{cell(row['question'])}, judge {cell(judge['annotator'])}: {_verdict(judge)}")
    entries = rows.select("question", "annotators").explode("annotators").unnest("annotators")
    entries = entries.filter(pl.col("annotator").is_not_null())
    blank = [column.name for column in entries if not column.drop_nulls().len() or (column == 0).all()]
    show_table("annotators", entries.drop(blank), as_json=False)


def _verdict(judge: dict[str, Any]) -> str:
    """What a judge came to, in a line."""
    kappa = "undefined" if judge["kappa"] is None else f"{judge['kappa']:.3f}"
    may = "may be used" if judge["may_be_used"] else "may not be used"
    return f"{may}: {judge['why']}; kappa {kappa} with people on {judge['n_compared']} items"


def _sentence(row: dict[str, Any], confidence: float) -> str:
    """What a question came to, in a line."""
    scale = f"{row['scale']}{', guessed' if row['is_scale_guessed'] else ''}"
    asked = f"{row['n_values']} answers of {row['n_annotators']} people on {row['n_items']} items ({scale})"
    name = "rank_correlation" if row["scale"] == "ranking" else "alpha"
    if row[name] is None:
        return f"undefined: {row['note']}; {asked}"
    parts = [f"{name.replace('_', ' ')} {row[name]:.3f}{_interval(row, confidence)}", _reading(row), asked]
    if row["agreement"] is not None:
        parts.append(f"{100 * row['agreement']:.1f} % of pairs are equal")
    if row["kendall_w"] is not None:
        parts.append(f"Kendall's W {row['kendall_w']:.3f}, p {_p(row['kendall_p'])}")
    return "; ".join(part for part in (*parts, row["note"]) if part)


def _interval(row: dict[str, Any], confidence: float) -> str:
    if row["ci_low"] is None:
        return ""
    return f" ({row['ci_low']:.3f} to {row['ci_high']:.3f} at {100 * confidence:g} %)"


def _p(p: float) -> str:
    return "below 0.001" if p < 0.001 else f"{p:.3f}"


def _reading(row: dict[str, Any]) -> str:
    sure = "" if row["is_sure"] else f" (not sure yet, on {row['n_paired']} items with two answers)"
    return f"{row['reading']}{sure}{ADVICE[row['reading']]}"

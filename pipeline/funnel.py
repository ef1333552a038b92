"""The funnel: where prompts, rollouts, traces and plans went, step by step, and what was left out for which reason."""

from collections.abc import Mapping

import polars as pl

from pipeline.people import RULED_OUT, usable
from pipeline.verify import latest
from schemas.ids import NONE

UNKNOWN = "unknown"

Tables = Mapping[str, pl.DataFrame]
Step = tuple[str, str, int, str]
"""A row of the funnel: step, entity, n, detail."""


def funnel(tables: Tables) -> pl.DataFrame:
    """Where rows went, a row a step: step, entity, n, and in `detail` what was left out, by reason.

    Rollouts are the solve rollouts of the screen; correct, incorrect, undecided and not judged yet (a row only where
    there are any) add up to those asked for. Where plans are tried, their steps stand between these and the traces.
    """
    screened, bands, solved = tables["screened"], tables["bands"], solved_rollouts(tables)
    kept = pl.col("decision") == "kept"
    outcome = {name: solved.filter(pl.col("outcome") == name) for name in ("correct", "incorrect", "undecided")}
    unjudged = solved.filter(pl.col("outcome").is_null())
    rows = [
        ("collected", "prompts", tables["prompts"].height, _tally(tables["prompts"]["source"])),
        _passed("kept by the screen", "prompts", screened, kept, "reason"),
        ("sampled", "prompts", solved["prompt_id"].n_unique(), ""),
        _banded(bands),
        ("asked for", "rollouts", solved.height, ""),
        _passed("came back", "rollouts", solved, pl.col("text").is_not_null(), "error_kind"),
        ("correct", "rollouts", outcome["correct"].height, ""),
        ("incorrect", "rollouts", outcome["incorrect"].height, _tally(outcome["incorrect"]["reason"])),
        ("undecided", "rollouts", outcome["undecided"].height, _tally(outcome["undecided"]["reason"])),
        *([("not judged yet", "rollouts", unjudged.height, "")] if unjudged.height else []),
        *(_tried_plans(tables) if _tries_plans(tables) else _recorded_plans(tables)),
        ("assembled", "examples", tables["examples"].height, _tally(tables["examples"]["split"])),
    ]
    return pl.DataFrame(
        rows, {"step": pl.String, "entity": pl.String, "n": pl.Int64, "detail": pl.String}, orient="row"
    )


def _tries_plans(tables: Tables) -> bool:
    """Whether plans are tried on a model, not only recorded."""
    return bool((tables["rollouts"]["phase"] == "search").any())


def _recorded_plans(tables: Tables) -> list[Step]:
    """Traces that were recorded or solved, and the plans beside them."""
    traces = tables["choices"].filter(pl.col("kind") == "trace")
    return [
        ("correct and kept", "traces", traces.height, ""),
        _passed("chosen", "traces", traces, pl.col("decision") == "kept", "reason"),
        _passed("parsed", "plans", tables["plans"], pl.col("status") == "parsed", "status"),
    ]


def _tried_plans(tables: Tables) -> list[Step]:
    """Plans from the request to the result, and the traces of the best ones.

    Of prompts that go on now: others may have plans from an earlier band. A plan that several rollouts wrote counts as
    parsed once; `same_plan` counts the others.
    """
    choices, on = tables["choices"], tables["bands"].filter(decision="kept")
    plans, rollouts = (tables[name].join(on, on="prompt_id", how="semi") for name in ("plans", "rollouts"))
    asked = rollouts.filter(pl.col("arm") == "write_plan", pl.col("step_id") == NONE)
    of_plan, kept = pl.col("kind") == "plan", pl.col("decision") == "kept"
    chosen, traces = choices.filter(of_plan), choices.filter(~of_plan)
    scores = tables["plan_scores"].join(chosen.filter(kept), left_on="plan_id", right_on="id", how="semi")
    untried = chosen.filter(kept).join(scores, left_on="id", right_on="plan_id", how="anti").height
    same = asked["text"].drop_nulls().len() - plans["rollout_id"].drop_nulls().len()
    waiting = f"; not tried yet: {untried}" if untried else ""
    is_trial = (pl.col("phase") == "search") & ~pl.col("arm").is_in(["write_plan", "judge"])
    trials = rollouts.filter(is_trial).height
    helps = scores.filter(decision="helps").join(plans.select("plan_id", "prompt_id"), on="plan_id")
    return [
        ("asked for", "plans", asked.height, ""),
        _passed("written", "plans", asked, pl.col("text").is_not_null(), "error_kind"),
        _passed("parsed", "plans", plans, pl.col("status") == "parsed", "status", f"same_plan {same}" if same else ""),
        _passed("distinct", "plans", chosen, kept, "reason"),
        ("tried", "plans", scores.height, f"in {trials} more rollouts{waiting}"),
        _passed("help", "plans", scores, pl.col("decision") == "helps", "decision"),
        *_unruled(helps, tables["adjudicated"]),
        ("helped by a plan", "prompts", usable(helps, tables["adjudicated"])["prompt_id"].n_unique(), ""),
        ("correct with the best plan", "traces", traces.height, ""),
        _passed("chosen", "traces", traces, kept, "reason"),
    ]


def _unruled(helps: pl.DataFrame, adjudicated: pl.DataFrame) -> list[Step]:
    """Where people were asked: the plans that they leave, and what they said of the others."""
    said = helps.join(adjudicated.select("plan_id", "verdict"), on="plan_id", how="left")
    stays = ~pl.col("verdict").cast(pl.String).is_in(RULED_OUT).fill_null(value=False)
    return [_passed("not ruled out by people", "plans", said, stays, "verdict")] if adjudicated.height else []


def _passed(step: str, entity: str, rows: pl.DataFrame, passes: pl.Expr, reason: str, more: str = "") -> Step:
    """A step of the funnel: how many rows pass it, and the others by their reason."""
    left_out = _tally(rows.filter(~passes)[reason])
    detail = "; ".join(text for text in (left_out and f"left out: {left_out}", more) if text)
    return step, entity, rows.filter(passes).height, detail


def _banded(bands: pl.DataFrame) -> Step:
    """How many prompts go on, why where it is not the band alone, and what became of the others."""
    reason = {name: bands.filter(decision=name)["reason"] for name in ("kept", "dropped", "later")}
    said = {
        "kept": _tally(reason["kept"]) if (reason["kept"] != "in_band").any() else "",
        "left out": _tally(reason["dropped"]),
        "for later": _tally(reason["later"]),
        "kept but not certain": str(n) if (n := n_uncertain(bands)) else "",
    }
    detail = "; ".join(f"{name}: {what}" for name, what in said.items() if what)
    return "kept by the band", "prompts", reason["kept"].len(), detail


def n_uncertain(bands: pl.DataFrame) -> int:
    """Prompts that go on although the region of the target's pass rate did not reach the confidence."""
    return bands.filter(~pl.col("is_decided"), decision="kept").height


def _tally(values: pl.Series) -> str:
    """Values with their counts, the commonest first."""
    counts = values.cast(pl.String).fill_null(UNKNOWN).rename("value").value_counts(name="n")
    return ", ".join(f"{value} {n}" for value, n in counts.sort("n", "value", descending=[True, False]).rows())


def solved_rollouts(tables: Tables) -> pl.DataFrame:
    """Solve rollouts of the screen, with the latest verdict of their prompt's own verifier (nulls where there is none).

    Those sampled beside the trials of plans are another measurement, of prompts that the screen chose.
    """
    own = tables["prompts"].select("prompt_id", "verifier")
    verdicts = latest(tables["verdicts"]).select("rollout_id", "verifier", "verifier_version", "outcome", "reason")
    return (
        tables["rollouts"].filter(pl.col("arm") == "solve", pl.col("phase") == "screen")
        .select("rollout_id", "prompt_id", "text", "error_kind", model=pl.col("model").fill_null(UNKNOWN))
        .join(own, on="prompt_id", how="left")
        .join(verdicts, on=["rollout_id", "verifier"], how="left")
        .with_columns(pl.col("outcome", "reason").cast(pl.String))
    )  # fmt: skip

"""The data set card: Hugging Face Markdown, made from nothing but the evidence of the run and the examples themselves.

Names and texts that come from sources, models and recipes are hostile: inline they stand in code spans, longer texts
in fenced blocks that they cannot close, and control and invisible characters are taken out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from pipeline.card_annotation import annotation_section
from pipeline.card_contamination import contamination_section
from pipeline.card_difficulty import band_told, difficulty_section
from pipeline.error_rates import FALSE_NEGATIVE, FALSE_POSITIVE
from pipeline.evidence import Evidence
from pipeline.figures.pictures import Picture
from pipeline.folder import GENERATED
from pipeline.funnel import UNKNOWN
from pipeline.hostile import escaped, one_line
from pipeline.markdown import MAX_CELL, code_span, fenced, section, table, with_intervals
from schemas.tables import Examples

SPLITS = ("train", "validation")
LICENSES = (
    "afl-3.0", "agpl-3.0", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0",
    "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0", "cdla-permissive-2.0", "gpl-3.0",
    "isc", "mit", "mpl-2.0", "odbl", "odc-by", "unlicense",
)  # fmt: skip
"""Licences that the Hub knows by their SPDX id in lower case."""

SECTIONS_SHOWN = ("screen", "band", "keep", "plans", "choose", "assemble")
NO_RULES = {"judge": "the votes of a model", "majority": "agreement with most other answers, which is no proof"}
"""Verifiers that know no answer -> what the card says of them."""
ELSEWHERE = ("benchmarks", "embedder", "judge", "rephraser")
"""Settings of decontamination that are paths and URLs."""
MAX_NOTICE = 1000
MAX_EXAMPLE = 3000


def render_card(evidence: Evidence, examples: pl.DataFrame, pictures: Sequence[Picture] = (), figures: str = "") -> str:
    """The README.md of a data set: YAML front matter, then Markdown; the same evidence gives the same text.

    `pictures` are those that lie in the folder `figures` beside it.
    """
    parts = [
        *_front_matter(evidence, examples),
        f"# {escaped(one_line(evidence.name, MAX_CELL)) or 'Cold-start data'}",
        GENERATED,
        *_notices(evidence.settings),
        *_summary(evidence, examples),
        *_loading(),
        *section("Funnel", table(evidence.funnel, code=("detail",))),
        *difficulty_section(evidence, pictures, figures),
        *_plans(evidence.trials),
        *annotation_section(evidence, examples),
        *section("Sources", table(evidence.sources, code=("source", "revision", "license"))),
        *section("Models", *_counted(evidence), table(evidence.models, code=("model",))),
        *section("Verdicts", table(evidence.verdicts, code=("verifier", "version", "reason"))),
        *_trust(evidence),
        *contamination_section(evidence),
        *section("Columns", _columns()),
        *section("An example", *_example(examples)),
        *section("Settings", fenced(json.dumps(_settings(evidence), indent=1, ensure_ascii=False), "json")),
        *section("Made with", ", ".join(f"{name} {code_span(version)}" for name, version in evidence.versions.items())),
        *section("Known limits", "\n".join(f"- {limit}" for limit in _limits(evidence, examples))),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(evidence: Evidence, examples: pl.DataFrame) -> Iterator[str]:
    """YAML that the Hub and `datasets` read; every value is JSON, which is YAML too."""
    splits = [{"split": name, "path": f"data/{name}-*.parquet"} for name in SPLITS if name in set(examples["split"])]
    fields = {
        "pretty_name": one_line(evidence.name, MAX_CELL),
        "license": _licenses(evidence),
        "task_categories": ["text-generation"],
        "size_categories": [_size(examples.height)],
        "tags": ["coldstart", "sft", "reasoning", "planning"],
        "configs": [{"config_name": "default", "data_files": splits}],
    }
    yield "\n".join(["---", *(f"{name}: {json.dumps(value)}" for name, value in fields.items()), "---"])


def _licenses(evidence: Evidence) -> str | list[str]:
    """Licences of the sources that examples come from, in the Hub's spelling."""
    used = evidence.sources.filter(pl.col("n_examples") > 0)["license"].unique().sort().to_list()
    known = [name.lower() if name.lower() in LICENSES else UNKNOWN if name == UNKNOWN else "other" for name in used]
    found = sorted(set(known)) or [UNKNOWN]
    return found[0] if len(found) == 1 else found


def _size(n: int) -> str:
    if n < 1000:
        return "n<1K"
    steps = ["1K", "10K", "100K", "1M", "10M", "100M"]
    low = min(len(str(n)) - 4, len(steps) - 2)
    return f"{steps[low]}<n<{steps[low + 1]}"


def _notices(settings: Mapping[str, Any]) -> Iterator[str]:
    """What the makers of the models want every card to say, each notice once."""
    generators = settings.get("generators", {}).values()
    for notice in sorted({str(generator["notice"]) for generator in generators if generator.get("notice")}):
        yield f"> **Notice:** {escaped(one_line(notice, MAX_NOTICE))}"


def _summary(evidence: Evidence, examples: pl.DataFrame) -> Iterator[str]:
    """What this is, in a paragraph that holds for these examples."""
    n_plans = examples.filter(pl.col("plan_id") != "").height
    n_reasoning = examples.filter(pl.col("rendering").str.contains("think")).height
    sizes = ", ".join(f"{examples.filter(pl.col('split') == name).height:,} {name}" for name in SPLITS)
    yield (
        f"{examples.height:,} examples ({sizes}) for supervised fine-tuning before reinforcement learning: a problem, "
        f"then one answer of a model, with its reasoning in {n_reasoning:,} of them and with a plan before it in "
        f"{n_plans:,}. Every answer was judged correct by {_judged_by(evidence)}{band_told(evidence)}."
    )


def _judged_by(evidence: Evidence) -> str:
    """Who judged the answers: rules are programs, and what is no rule is named."""
    used = set(evidence.verdicts["verifier"])
    peerless = [words for name, words in NO_RULES.items() if name in used]
    return " or ".join([*(["a program"] if used - NO_RULES.keys() or not used else []), *peerless])


def _loading() -> Iterator[str]:
    yield "## Loading"
    yield fenced(
        'from datasets import load_dataset\n\nexamples = load_dataset("FOLDER_OR_HUB_ID")', "python"
    )  # fmt: skip
    yield "With TRL, which applies the chat template of the model to `messages`:"
    yield fenced(
        "from trl import SFTConfig, SFTTrainer\n\n"
        'trainer = SFTTrainer("MODEL", args=SFTConfig(assistant_only_loss=True), train_dataset=examples["train"])',
        "python",
    )
    yield (
        "Only the assistant's last message carries the loss; `train` says so for each message. Its text is "
        "`<think>`, the plan, the reasoning, `</think>`, the answer. A chat template that adds or strips think tags "
        "of its own must be told not to."
    )


def _plans(trials: pl.DataFrame) -> Iterator[str]:
    """What the plans in the examples did, beside placebos and no plan; nothing where none was tried."""
    if trials.is_empty():
        return
    rows = ["| shown | mean pass rate | uplift over no plan (95 % interval) |", "| --- | ---: | ---: |"]
    for row in trials.iter_rows(named=True):
        uplift = (
            f"{row['uplift']:+.2f} ({row['ci_low']:+.2f} to {row['ci_high']:+.2f})"
            if row["uplift"] is not None
            else "-"
        )
        rows.append(f"| {row['shown']} | {row['pass_rate']:.2f} | {uplift} |")
    yield from section(
        "Plans",
        f"Each plan was tried on its problem. Means over the {trials['n_plans'][0]:,} plans that the examples show:",
        "\n".join(rows),
        "Each is the best of its problem's plans by the very samples that measure it here, which overstates its uplift "
        "(the intervals leave that out); none was confirmed on fresh samples.",
    )


def _counted(evidence: Evidence) -> Iterator[str]:
    """Which rollouts the tables of models and verdicts count, where there are others."""
    if evidence.trials.height:
        yield "Here and under *Verdicts*, rollouts are those that measured the pass rates, not the trials of plans."


def _trust(evidence: Evidence) -> Iterator[str]:
    """What `coldstart audit` measured of the verifiers; nothing where it was not run."""
    if evidence.errors.height or evidence.agreement.height:
        yield "## How far the verifiers can be trusted"
    if evidence.errors.height:
        yield (
            "A false negative is a right answer that its verifier does not call correct, a false positive a wrong one "
            "that it does. Gold answers are those of all problems, also of those that were dropped for it; where one "
            "fails, its key may be what is wrong, and models write less tidily. A near-miss is a right answer with "
            "something changed, which may leave it right by accident."
        )
        rates = evidence.errors.with_columns(pl.col("error").str.replace("_", " "))
        yield table(with_intervals(rates, "error_rate", "ci_low", "ci_high"), code=("source", "verifier", "version"))
    if evidence.agreement.height:
        yield "Verdicts beside those of another verifier, with Cohen's kappa:"
        compared = with_intervals(evidence.agreement, "agreement", "ci_low", "ci_high")
        compared = with_intervals(compared, "kappa", "kappa_low", "kappa_high")
        yield table(compared, code=("source", "verifier", "verifier_version", "compared_with"))
    for reason, n, n_examples in evidence.suspects.rows():
        yield f"Suspect keys ({reason.replace('_', ' ')}): {n:,} problems, which {n_examples:,} examples show."


def _columns() -> str:
    rows = [f"| `{name}` | {column.description} |" for name, column in Examples.columns().items()]
    return "\n".join(["| column | meaning |", "| --- | --- |", *rows])


def _example(examples: pl.DataFrame) -> Iterator[str]:
    """The first example of the longest rendering, its messages cut where they are very long."""
    row = examples.sort(pl.col("rendering").str.len_chars(), "example_id", descending=[True, False]).row(0, named=True)
    yield f"`{row['example_id']}`, rendered as `{row['rendering']}`:"
    for message in row["messages"]:
        content = message["content"]
        cut = f"\n[… {len(content) - MAX_EXAMPLE:,} more characters]" if len(content) > MAX_EXAMPLE else ""
        yield f"{code_span(message['role'])}{', which carries the loss' if message['train'] else ''}"
        yield fenced(content[:MAX_EXAMPLE] + cut, "text")


def _settings(evidence: Evidence) -> dict[str, Any]:
    """What decided the rows: identity and the mutable settings of the stages; no paths, endpoints or workers."""
    identity, recipe = evidence.settings.get("identity", {}), evidence.settings.get("recipe", {})
    sections = [name for name in SECTIONS_SHOWN if name != "plans" or evidence.trials.height]
    return {
        "sources": identity.get("sources", {}),
        "generators": evidence.settings.get("generators", {}),
        **_rules(evidence, recipe),
        **{name: recipe[name] for name in sections if name in recipe},
    }


def _rules(evidence: Evidence, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The rules that the data was compared with benchmarks by, and their thresholds."""
    settings = recipe.get("decontaminate", {})
    rules = {name: value for name, value in settings.items() if name not in ELSEWHERE}
    return {} if evidence.contamination.benchmarks.is_empty() else {"decontaminate": rules}


def _limits(evidence: Evidence, examples: pl.DataFrame) -> Iterator[str]:
    """What a reader could wrongly take for granted, as far as it applies."""
    yield "A correct final answer does not make every step of the reasoning right; only the answer was judged."
    if evidence.contamination.benchmarks.is_empty():
        yield "Examples were not compared with evaluation benchmarks: do not evaluate on the sources named above."
    else:
        yield "Examples were compared with the benchmarks named above and no others, as far as the rules see."
    if evidence.n_pooled > 1:
        pooled = f"Answers of {evidence.n_pooled} models are pooled"
        yield f"{pooled}: the target's pass rate of a problem is over all of them, not over one."
    if evidence.trials.height:
        yield "Reasoning and answer were sampled with the plan in the request; examples show it as the model's own."
    if evidence.n_uncertain:
        yield f"Of the problems that went on, {evidence.n_uncertain:,} have a region that did not reach the confidence."
    yield from _unmeasured(evidence)
    if examples["pass_rate"].null_count():
        yield "Some examples have no pass rate."
    if UNKNOWN in examples["model_license"]:
        yield "The terms of the models whose output this is are not recorded (`model_license` is `unknown`)."
    if "validation" not in examples["split"].cast(pl.String):
        yield "There is no validation split."
    yield "Think tags within a model's own words are written `[think]` and `[/think]`, so that each block is one."
    yield "`n_tokens` counts words between white space where `tokenizer` is `whitespace`."


def _unmeasured(evidence: Evidence) -> Iterator[str]:
    """Which errors of the verifiers nobody measured, for the sources of the examples."""
    shown = set(evidence.sources.filter(pl.col("n_examples") > 0)["source"])
    for error in (FALSE_NEGATIVE, FALSE_POSITIVE):
        known = set(evidence.errors.filter(pl.col("error") == error)["source"])
        if missing := ", ".join(map(code_span, sorted(shown - known))):
            yield f"How often the verifier gives a {error.replace('_', ' ')} was not measured on {missing}."

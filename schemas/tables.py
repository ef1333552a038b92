"""Every table: its key, its columns with a sentence each, closed enums, what may be null.

A key column is a primary key; `references` names the table whose key a column holds ("" points at nothing).
`data/README.md` is generated from this file.
"""

import re
from functools import cache
from typing import Any

import dataframely as dy
import polars as pl

ARMS = ("solve", "guess", "write_plan", "execute", "placebo", "plan_only", "step", "revise", "judge")
PHASES = ("screen", "search", "confirm")
ROLES = ("target", "strong", "planner", "executor", "judge")
OUTCOMES = ("correct", "incorrect", "undecided")
BAND_REASONS = (
    "in_band", "teachable", "replayed", "too_hard", "unsolved", "too_easy", "guessable", "unmeasured",
)  # fmt: skip
REGIONS = ("too_hard", "in_band", "too_easy", "unmeasured")
SCREEN_REASONS = (
    "kept", "exact_duplicate", "near_duplicate", "contaminated", "bad_gold", "wrong_language", "too_long",
    "unsupported", "withdrawn",
)  # fmt: skip
AUDITED_AGAINST = ("gold", "near_miss", "label", "rule", "other_verifier")
SUSPICIONS = ("models_agree_against_key", "solved_in_few_tokens")
PLANTED = ("exact", "edited", "rephrased", "rephrased_by_model", "clean")
CHOICE_REASONS = (
    "kept", "near_duplicate", "same_structure", "contaminated", "mixed_language", "repetitive", "too_long",
    "no_reasoning", "less_diverse",
)  # fmt: skip


QUEUE_REASONS = ("uncertain_uplift", "disagreement", "new_strategy", "random", "gold", "adjudication")


def _id(description: str, *, key: bool = False, references: str | None = None, none: bool = False) -> dy.String:
    """An id: 32 hex characters; `none=True` also allows "" where there is nothing to point at."""
    regex = r"^([0-9a-f]{32})?$" if none else r"^[0-9a-f]{32}$"
    metadata = {"references": references} if references else None
    return dy.String(primary_key=key, regex=regex, description=description, metadata=metadata)


def _maybe_id(description: str, references: str | None = None) -> dy.String:
    metadata = {"references": references} if references else None
    return dy.String(nullable=True, regex=r"^[0-9a-f]{32}$", description=description, metadata=metadata)


def _text(description: str, *, key: bool = False, nullable: bool = False) -> dy.String:
    return dy.String(primary_key=key, nullable=nullable, description=description)


def _enum(values: tuple[str, ...], description: str, *, key: bool = False) -> dy.Enum:
    return dy.Enum(values, primary_key=key, description=description)


def _count(description: str, *, nullable: bool = False) -> dy.Int32:
    return dy.Int32(min=0, nullable=nullable, description=description)


def _share(description: str, *, nullable: bool = False) -> dy.Float64:
    return dy.Float64(min=0, max=1, nullable=nullable, description=description)


def _real(description: str, *, nullable: bool = False) -> dy.Float64:
    return dy.Float64(nullable=nullable, description=description)


def _messages(description: str, **extra: dy.Column) -> dy.List:
    return dy.List(dy.Struct({"role": dy.String(), "content": dy.String(), **extra}), description=description)


class Prompts(dy.Schema):
    """One row a problem, as its source gave it."""

    prompt_id = _id("Hash of source, source_key and content_hash.", key=True)
    source = _text("Name of the source in the recipe.")
    source_key = _text("The source's own key of the row.")
    revision = _text("Pinned revision of the source: a commit, or the SHA-256 of a file.")
    license = _text("SPDX id of the source's licence, or `unknown`.")
    domain = _text("Broad field, such as math or planning.")
    task_family = _text("Kind of task within the domain, such as blocksworld.")
    messages = _messages("The prompt as chat messages.")
    problem_text = _text("The problem without its template: what deduplication and decontamination compare.")
    content_hash = _id("Hash of messages and task.")
    task = _text("What the verifier needs, as a JSON object.")
    verifier = _text("Name of the verifier that judges responses.")
    gold_answer = _text("The source's own answer; it must pass the verifier.", nullable=True)
    group_id = _text("Unit of splitting that the source declares; the prompt's own id where it declares none.")
    is_withdrawn = dy.Bool(description="The source no longer offers the row; kept because rollouts refer to it.")


class Screened(dy.Schema):
    """One row a prompt: may it be sampled, and if not, why not."""

    prompt_id = _id("The prompt.", key=True, references="prompts")
    decision = _enum(("kept", "dropped"), "Whether the prompt goes on to sampling.")
    reason = _enum(SCREEN_REASONS, "Why; `kept` where it is kept.")
    cluster_id = _id("Smallest prompt_id of its cluster of duplicates; its own where it has none.")
    keeper_id = _maybe_id("The kept prompt that this one duplicates.", "prompts")
    similarity = _share("Exact Jaccard similarity to the keeper.", nullable=True)
    matched = _text("What was hit: a benchmark row, or the verifier's reason for a bad gold answer.", nullable=True)


class Rollouts(dy.Schema):
    """One row a sample that was asked for, whether or not it came back."""

    rollout_id = _id("Hash of prompt_id, arm, plan_id, step_id, phase, generator_id and sample_index.", key=True)
    prompt_id = _id("The prompt.", references="prompts")
    plan_id = _id("The plan shown to the model; empty where none was.", references="plans", none=True)
    step_id = _text("The plan step being carried out; empty outside the step arm.")
    parent_id = _maybe_id("The rollout that this one continues, revises or was extracted from.", "rollouts")
    arm = _enum(ARMS, "What the model was asked to do.")
    phase = _enum(PHASES, "Screening, searching, or confirming on fresh samples.")
    role = _enum(ROLES, "The role of the generator in the recipe.")
    generator_id = _id("Hash of model, revision, template and sampling settings.")
    model = _text("The model that answered: a pool of recordings or a router holds several.", nullable=True)
    sample_index = _count("Number of the sample, in sampling order, from 0.")
    request_hash = _id("Hash of the messages as sent and the sampling settings.")
    messages = _messages("The messages as sent, after the template.")
    budget_tokens = _count("Thinking budget that was set.", nullable=True)
    seed = dy.Int64(nullable=True, description="Seed that was sent.")
    reasoning = _text("Thinking, apart from the answer.", nullable=True)
    text = _text("The answer without its thinking; null where generation failed.", nullable=True)
    tool_calls = _text("Tool calls as JSON.", nullable=True)
    final_state = _text("Final state of an environment, as JSON.", nullable=True)
    finish_reason = _enum(("stop", "length", "error"), "How generation ended.")
    n_prompt_tokens = _count("Prompt tokens, as the server counted them.", nullable=True)
    n_completion_tokens = _count("Completion tokens, thinking included.", nullable=True)
    n_reasoning_tokens = _count("Thinking tokens.", nullable=True)
    n_cached_tokens = _count("Prompt tokens that the server had cached, where it says so.", nullable=True)
    mean_logprob = _real(
        "Mean natural log-probability of the completion tokens, where the server gives it.", nullable=True
    )
    error_kind = _text("Class of the failure; `not_run` where the sample was never produced.", nullable=True)
    error = _text("The failure in words.", nullable=True)
    failed_attempts = dy.List(
        dy.String(),
        nullable=True,
        description="Classes of the attempts that failed before this; samples asked for together have them once.",
    )


class Verdicts(dy.Schema):
    """One row a rollout and version of its verifier."""

    rollout_id = _id("The rollout.", key=True, references="rollouts")
    verifier = _text("Name of the verifier.", key=True)
    verifier_version = _text("Version of the verifier.", key=True)
    outcome = _enum(OUTCOMES, "Three-valued: what could not be judged is never wrong.")
    reason = _text("Reason code in snake_case.")
    extracted = _text("The final answer that was found in the response.", nullable=True)
    failed_step = _count("First step that fails, from 1, where the task has steps.", nullable=True)
    score = _share("Partial credit, where the verifier gives it.", nullable=True)
    details = _text("More evidence as JSON, such as the unmet precondition.", nullable=True)
    seconds = dy.Float64(min=0, description="Time the verifier took, in seconds.")


class PassRates(dy.Schema):
    """One row a prompt, generator, verifier, arm, plan and phase: the ledger and the decision."""

    prompt_id = _id("The prompt.", key=True, references="prompts")
    generator_id = _id("The generator that was sampled.", key=True)
    verifier = _text("The verifier.", key=True)
    arm = _enum(ARMS, "What the model was asked to do.", key=True)
    plan_id = dy.String(
        primary_key=True, regex=r"^([0-9a-f]{32})?$", description="The plan shown; empty where none was.",
        metadata={"references": "plans"},
    )  # fmt: skip
    phase = _enum(PHASES, "Screening, searching, or confirming on fresh samples.", key=True)
    n_correct = _count("Rollouts judged correct.")
    n_incorrect = _count("Rollouts judged incorrect.")
    n_truncated = _count("Undecided: cut off by the token limit.")
    n_no_answer = _count("Undecided: no final answer was found.")
    n_ambiguous = _count("Undecided: several different final answers.")
    n_verifier_error = _count("Undecided: the verifier failed, or gave another reason.")
    n_timeout = _count("Undecided: the verifier ran out of time.")
    n_generation_error = _count("Undecided: generation failed.")
    n_not_run = _count("Undecided: the sample was never produced.")
    n_rated = _count("The denominator: n_correct + n_incorrect, and n_truncated where `band.truncated` is `incorrect`.")
    pass_rate = _share("n_correct / n_rated; null where that is 0/0.", nullable=True)
    ci_low = _share("Lower end of the Wilson interval at the confidence of the band.", nullable=True)
    ci_high = _share("Upper end of the Wilson interval.", nullable=True)
    p_below = _share(
        "Posterior probability that the pass rate is below the band, under the prior of the stop rule: the pilot's for "
        "`optimal`, else Jeffreys'.",
        nullable=True,
    )
    p_in = _share("Posterior probability that it is in the band.", nullable=True)
    p_above = _share("Posterior probability that it is above the band.", nullable=True)
    region = _enum(REGIONS, "The most probable region; `unmeasured` without a rated rollout.")
    is_decided = dy.Bool(description="The posterior of the region reached the confidence.")
    stop_rule = _text("The rule that decided when to stop sampling.")
    n_first_round = _count("Those of n_rated that are in the first, fixed round: what unbiased pass@k may use.")
    c_first_round = _count("Correct ones among them.")
    tokens_mean = _real("Mean completion tokens a rollout.", nullable=True)
    tokens_per_correct = _real("Completion tokens spent for each correct rollout.", nullable=True)


class Bands(dy.Schema):
    """One row a prompt that was sampled: the region it lies in, and whether it goes on."""

    prompt_id = _id("The prompt.", key=True, references="prompts")
    decision = _enum(
        ("kept", "later", "dropped"),
        "Whether the prompt goes on; `later` is too hard for now: a better model, or more samples, may solve it.",
    )
    reason = _enum(BAND_REASONS, "Why.")
    region = _enum(REGIONS, "Where the target's pass rate lies.")
    is_decided = dy.Bool(description="Whether that region was decided at the stated confidence.")
    role = _text("The roles whose pass rates decided: `target`, or `target, strong`.")
    generator_id = _id("The generator of the target.")
    pass_rate = _share("The target's pass rate.", nullable=True)
    strong_generator_id = _maybe_id("The generator of the stronger model; null where the recipe has none.")
    strong_pass_rate = _share("Its pass rate.", nullable=True)
    strong_region = dy.Enum(REGIONS, nullable=True, description="Where its pass rate lies; null where it has none.")
    n_guesses = _count("Tries at an answer without reasoning that were judged right or wrong.")
    c_guesses = _count("Right ones.")


PLAN_STEP = {
    "id": dy.String(),
    "goal": dy.String(),
    "how": dy.String(nullable=True),
    "depends_on": dy.List(dy.String()),
    "effort_tokens": dy.Int32(nullable=True),
    "check": dy.String(nullable=True),
    "on_failure": dy.String(nullable=True),
    "action": dy.String(nullable=True),
}


class Plans(dy.Schema):
    """One row a distinct plan of a prompt."""

    plan_id = _id("Hash of the prompt and the parsed content.", key=True)
    prompt_id = _id("The prompt.", references="prompts")
    rollout_id = _maybe_id("The first rollout that wrote it.", "rollouts")
    parent_plan_id = _maybe_id("The plan that this one edits.", "plans")
    origin = _enum(("model", "person", "recorded"), "Who wrote it.")
    status = _enum(
        ("parsed", "malformed", "missing"),
        "Whether the text could be read as a plan; `missing` also where a person took back an edit that was used.",
    )
    strategy = _text("The strategy in a sentence.", nullable=True)
    rejected_strategies = dy.List(dy.String(), nullable=True, description="Strategies that were weighed and left.")
    steps = dy.List(dy.Struct(PLAN_STEP), description="The steps, in order.")
    n_steps = _count("Number of steps.")
    saw = _text(
        "What the planner could see: `prompt`, or `record`, what people are shown: the plan that they edit beside its "
        "prompt and its results."
    )


class Choices(dy.Schema):
    """One row a candidate trace or plan: is it used, and if not, why not."""

    kind = _enum(("trace", "plan"), "What the id names.", key=True)
    id = _id("rollout_id of a trace, plan_id of a plan.", key=True)
    decision = _enum(("kept", "dropped"), "Whether it is used.")
    reason = _enum(CHOICE_REASONS, "Why; `kept` where it is kept.")
    cluster_id = _id("Smallest id of its cluster of near-duplicates; its own where it has none.")
    keeper_id = _maybe_id("The kept one that this duplicates.")
    similarity = _share("Exact similarity to the keeper.", nullable=True)
    structure_key = _text(
        "Hash of a plan's structure: which step needs which, and the operator of each; null for a trace.", nullable=True
    )


class PlanScores(dy.Schema):
    """One row a plan, executor and phase: what the plan did to the pass rate (undecided rollouts count nowhere)."""

    plan_id = _id("The plan.", key=True, references="plans")
    generator_id = _id("The executor.", key=True)
    phase = _enum(PHASES, "Searching, or confirming on fresh samples.", key=True)
    n_execute = _count("Right and wrong answers with the plan.")
    c_execute = _count("Right ones.")
    n_solve = _count("Right and wrong answers without a plan, sampled afresh beside the others.")
    c_solve = _count("Right ones.")
    n_placebo = _count("Right and wrong answers with a plan of another prompt.")
    c_placebo = _count("Right ones.")
    n_plan_only = _count("Right and wrong guesses from the plan alone.")
    c_plan_only = _count("Right ones.")
    n_guess = _count("Right and wrong guesses without a plan.")
    c_guess = _count("Right ones.")
    uplift = _real("p(execute) - p(solve); null until both are measured.", nullable=True)
    uplift_se = _real("Standard error of the uplift (Agresti and Caffo).", nullable=True)
    over_placebo = _real("p(execute) - p(placebo); null until both are measured.", nullable=True)
    shrunk = _real(
        "Uplift shrunk towards the mean of its prompt's plans; null where it is the only one.", nullable=True
    )
    p_positive = _share("Posterior probability that the uplift is positive.", nullable=True)
    leak = _real("p(plan_only) - p(guess): how much the plan gives the answer away.", nullable=True)
    decision = _enum(
        ("helps", "hurts", "no_effect", "leaks", "undecided"),
        "What the results say; a plan `helps` only if it also does better than the placebo.",
    )


class Queue(dy.Schema):
    """One row a record that people are asked about."""

    record_id = _id("Hash of plan_ids, kind and guideline_version.", key=True)
    plan_ids = dy.List(
        dy.String(regex=r"^[0-9a-f]{32}$"),
        description="The plan that is judged, and then the others that it is ranked with, where there are any.",
    )
    kind = _enum(("single", "ranking", "adjudication", "gold"), "What people are asked to do.")
    reason = _enum(QUEUE_REASONS, "Why this record was chosen.")
    gold = _text("The known answers as JSON, by question; null unless the kind is gold.", nullable=True)
    guideline_version = _text("Version of the guidelines.")


class Annotations(dy.Schema):
    """One row an answer, and a version of it."""

    record_id = _id("The record.", key=True, references="queue")
    question = _text("The question.", key=True)
    annotator = _text("Pseudonym of the annotator.", key=True)
    version = dy.Int32(min=1, primary_key=True, description="Version of the answer, from 1.")
    value = _text("The answer as JSON; docs/annotation.md has the form of each question's.")
    status = _enum(("submitted", "discarded", "draft", "withdrawn"), "State of the answer.")
    annotator_kind = _enum(("person", "model"), "Who answered; a model's vote never counts as a person's.")
    guideline_version = _text("Version of the guidelines.")
    answered_at = dy.Datetime(time_zone="UTC", time_unit="us", description="When, in UTC.")


class Adjudicated(dy.Schema):
    """One row a plan that people have judged."""

    plan_id = _id("The plan.", key=True, references="plans")
    verdict = _enum(("keep", "fix", "discard", "undecided"), "What people decided; undecided while it is open.")
    ratings = _text("Mean rating a question, as JSON.")
    edited_plan_id = _maybe_id("The corrected plan.", "plans")
    agreement = _share("Share of them who gave the commonest verdict; null where nobody answered.", nullable=True)
    n_annotators = _count("How many people answered, the adjudicator left out.")
    how = _enum(
        ("unanimous", "majority", "adjudicator", "open"),
        "How it was decided; `open` where too few have answered yet or it waits for the adjudicator.",
    )


class Examples(dy.Schema):
    """One row a training example."""

    example_id = _id("Hash of prompt, rollout, plan and rendering.", key=True)
    prompt_id = _id("The prompt.", references="prompts")
    source = _text("Name of the prompt's source in the recipe.")
    task_family = _text("The prompt's kind of task, such as blocksworld.")
    plan_id = _id("The plan it shows; empty where none.", references="plans", none=True)
    rollout_id = _id("The rollout it comes from.", references="rollouts")
    group_id = _text("Unit of splitting: the source's groups, merged along clusters of duplicates.")
    split = _enum(("train", "validation"), "The split of the whole group.")
    messages = _messages("The conversation; `train` says which messages carry the loss.", train=dy.Bool())
    rendering = _text("How plan, reasoning and answer were put together.")
    effort = _enum(
        ("low", "medium", "high"),
        "Tercile within this data set, by the rollout's completion tokens as its server counted them (without the plan "
        "that it was shown); by n_tokens where those of any example were not counted.",
    )
    n_tokens = _count("Tokens of the messages that carry the loss.")
    tokenizer = _text("What counted n_tokens; `whitespace` for words between white space.")
    pass_rate = _share("The prompt's pass rate.", nullable=True)
    uplift = _real("The plan's measured uplift, as plan_scores has it; null where it was not tried.", nullable=True)
    model = _text("The model that wrote the response.")
    model_license = _text("Licence of the model's output, or `unknown`.")
    annotation = _enum(("accepted", "edited", "none"), "What people said of the plan.")


class Pairs(dy.Schema):
    """One row a preference pair."""

    pair_id = _id("Hash of the two ids and the kind.", key=True)
    prompt_id = _id("The prompt.", references="prompts")
    chosen_id = _id("The better plan or trace.")
    rejected_id = _id("The worse one.")
    kind = _enum(("plan", "trace"), "What the ids name.")
    p_better = _share("Probability that the chosen one is better.")


AUDIT_ERROR: dict[str, dy.Column] = {
    "id": dy.String(),
    "outcome": dy.String(),
    "reason": dy.String(),
    "extracted": dy.String(nullable=True),
    "failed_step": dy.Int32(nullable=True),
    "answer": dy.String(nullable=True),
    "details": dy.String(nullable=True),
}


class Audits(dy.Schema):
    """One row a source, verifier, reference and kind: how often the verifier erred on answers whose worth is known."""

    source = _text("Name of the source in the recipe.", key=True)
    verifier = _text("The verifier that was tested.", key=True)
    verifier_version = _text("Version of the verifier.", key=True)
    against = _enum(
        AUDITED_AGAINST,
        "The reference that says how it should judge: gold answers, near-misses, labels, a rule (for a judge), or "
        "another verifier.",
        key=True,
    )
    kind = _text(
        "What was changed in a near-miss; the label; what the rule says; the other verifier and its verdict, such as "
        "`strips:correct`; empty for gold.",
        key=True,
    )
    n = _count("Answers that were judged.")
    n_correct = _count("Judged correct.")
    n_incorrect = _count("Judged incorrect.")
    n_undecided = _count("Judged neither.")
    n_errors = _count(
        "Right answers that were not judged correct; wrong ones that were; beside another verifier, other verdicts."
    )
    error_rate = _share("n_errors / n: a false-negative rate, a false-positive rate, or a rate of disagreement.")
    ci_low = _share("Lower end of its Wilson interval (95 %).")
    ci_high = _share("Upper end.")
    errors = dy.List(
        dy.Struct(AUDIT_ERROR),
        description="Each error: the id of its prompt, rollout or row, the verdict, the answer where no table has it.",
    )


class Suspects(dy.Schema):
    """One row a prompt whose key people should look at; where several reasons hold, the first."""

    prompt_id = _id("The prompt.", key=True, references="prompts")
    rank = dy.Int32(min=1, description="Place in the queue, from 1, by the strength of the evidence.")
    reason = _enum(SUSPICIONS, "What speaks against the key, or against the prompt.")
    source = _text("Name of the prompt's source in the recipe.")
    verifier = _text("The prompt's verifier.")
    key = _text(
        "The answer that the verifier compares with, else the source's own; null where there is none.", nullable=True
    )
    answer = _text("The wrong answer that is given most; null where answers were not compared.", nullable=True)
    n_agree = _count("Answers equal to it.", nullable=True)
    n_answers = _count("Right and wrong answers to the prompt.")
    n_correct = _count("Those that the verifier calls correct.")
    agreement = _share("Share of answers equal to it, the mean over the models.", nullable=True)
    n_models_agree = _count("Models that give it most often.", nullable=True)
    n_models = _count("Models that answered.")
    tokens_median = _real("Median completion tokens of the correct rollouts; null where not counted.", nullable=True)
    tokens_ratio = _real(
        "The same over the median of the source's solved prompts, model by model; the median over the models.",
        nullable=True,
    )


class Benchmarks(dy.Schema):
    """One row a benchmark row that prompts, traces and plans are compared with."""

    benchmark = _text("The benchmark, as the recipe names it.", key=True)
    benchmark_row = _text("Number or key of the row within it.", key=True)
    text = _text("The problem.")
    answer = _text("Its final answer; null where the benchmark gives none.", nullable=True)


class PromptContamination(dy.Schema):
    """One row a prompt and rule: does the rule find the prompt in a benchmark."""

    prompt_id = _id("The prompt.", key=True, references="prompts")
    rule = _text("The rule, as `decontaminate.rules` names it.", key=True)
    contaminated = dy.Bool(description="Whether the rule hit.")
    benchmark = _text("Benchmark of the row that it matches best; null where it matches none.", nullable=True)
    benchmark_row = _text("That row.", nullable=True)
    score = _real("How well it matches, in the rule's own measure; 0 where it matches none or cannot judge.")


class OutputContamination(dy.Schema):
    """One row a trace or plan and rule: does the rule find its text in a benchmark."""

    kind = _enum(("trace", "plan"), "What the id names.", key=True)
    id = _id("rollout_id of a trace, plan_id of a plan.", key=True)
    rule = _text("The rule, as `decontaminate.rules` names it.", key=True)
    contaminated = dy.Bool(description="Whether the rule hit.")
    benchmark = _text("Benchmark of the row that it matches best; null where it matches none.", nullable=True)
    benchmark_row = _text("That row.", nullable=True)
    score = _real("How well it matches, in the rule's own measure; 0 where it matches none or cannot judge.")


class SelfTests(dy.Schema):
    """One row a rule of decontamination and kind of planted text: how often the rule hits."""

    rule = _text("The rule.", key=True)
    kind = _enum(
        PLANTED,
        "What was planted: benchmark rows as they are or within a longer text, with slips and a few words changed, "
        "reworded by template, or by a model; `clean`: such texts, not by a model, looked for in the benchmark without "
        "the row that they come from.",
        key=True,
    )
    n = _count("Texts.")
    n_left_out = _count("Rows that are no text: the model failed, said nothing, was cut off or repeated the row.")
    n_hit = _count("Texts that the rule calls contaminated.")
    share = _share("n_hit / n: recall, and for `clean` the rate of false positives; null where n is 0.", nullable=True)
    ci_low = _share("Lower end of its Wilson interval (95 %).", nullable=True)
    ci_high = _share("Upper end.", nullable=True)


class Published(dy.Schema):
    """One row a text that is out already, in an index of its own: what `coldstart dedup --against` compares with."""

    id = _text("The text's id, in whatever file it came from.", key=True)
    digest = dy.Binary(description="16 bytes: two 64-bit hashes of the normalised text, little-endian.")
    signature = dy.Binary(description="MinHash values in datasketch's scheme `affine32`: 4 bytes each, little-endian.")
    n_shingles = dy.Int64(min=0, description="Shingles of the text, repeats included.")
    shingles = dy.List(dy.UInt64(), description="64-bit hash of each distinct shingle.")


TABLES: tuple[type[dy.Schema], ...] = (
    Prompts, Screened, Rollouts, Verdicts, PassRates, Bands, Plans, Choices, PlanScores, Queue, Annotations,
    Adjudicated, Examples, Pairs, Audits, Suspects, Benchmarks, PromptContamination, OutputContamination, SelfTests,
)  # fmt: skip
"""All tables, in the order in which work flows through them; then what is known of verifiers, keys and benchmarks."""


def table_name(table: type[dy.Schema]) -> str:
    """The folder name of a table.

    >>> table_name(PassRates)
    'pass_rates'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "_", table.__name__).lower()


@cache
def polars_schema(table: type[dy.Schema]) -> dict[str, Any]:
    """Column names and polars types of a table, in order; the same object each time, not to be changed."""
    return dict(table.create_empty().schema)


def foreign_keys(table: type[dy.Schema]) -> dict[str, str]:
    """Column -> the table whose key it holds."""
    return {
        name: column.metadata["references"]
        for name, column in table.columns().items()
        if column.metadata and "references" in column.metadata
    }


def frame_of(table: type[dy.Schema], rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a frame with the table's types; columns that a row leaves out are null."""
    return pl.DataFrame(rows, schema=polars_schema(table), orient="row")

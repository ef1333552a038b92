"""Recipes: the settings of a run, as pydantic models that are also the run form in the Prefect UI.

Identity fields (sources, models, the size of a round) decide which run folder a recipe belongs to; fields marked
`mutable` may change between two commands on one folder. `[sources.NAME]` and `[models.ROLE]` name a plug-in in `kind`;
their other fields belong to that plug-in and are checked by its own `Config`, and so are those of `[verifiers.NAME]`.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.annotation import Annotate
from schemas.comparison import Decontaminate, Screen, Similarity
from schemas.settings import Settings, mutable


class SamplingSettings(Settings):
    """How a model draws its answers, whatever runs it."""

    temperature: float = Field(
        1.0, ge=0, le=10, description="Sampling temperature; 0, the most probable token, only for planners and judges."
    )
    top_p: float = Field(1.0, gt=0, le=1, description="Sample from the most probable tokens of this total probability.")
    max_tokens: int = Field(2048, ge=1, description="Longest answer in tokens, thinking included.")
    stop: list[Annotated[str, Field(min_length=1)]] = Field(
        [], max_length=16, description="Strings that end an answer, also inside thinking, and are cut off."
    )


class PluginSettings(BaseModel):
    """A plug-in by name and, beside it, that plug-in's own settings."""

    model_config = ConfigDict(extra="allow", frozen=True)
    kind: str = Field(description="File name of the plug-in, such as `files` or `replay`.")

    @property
    def options(self) -> dict[str, Any]:
        """The plug-in's own settings."""
        return dict(self.model_extra or {})


class Price(Settings):
    """What a model costs, for a million tokens each, in any one currency."""

    prompt: float = mutable(0.0, "Prompt tokens.", ge=0)
    completion: float = mutable(0.0, "Completion tokens, thinking included.", ge=0)
    cached: float | None = mutable(
        None, "Prompt tokens that the server had cached; empty: as others.", ge=0, title="Cached"
    )


class ModelSettings(PluginSettings):
    """A role's generator, and the words in which it is asked."""

    template: str = Field(
        "plain-1", description="Prompt template: a folder in `pipeline/templates`, or a path with a slash to your own."
    )
    price: Price = mutable(Price(), "What its tokens cost, so that examples have a price.")


class Band(Settings):
    """Not too easy, not too hard: the band of pass rates, and how sampling decides it.

    Another band, rule or cap may be set at any time: rollouts are kept, and only what is still open is sampled.
    """

    low: float = mutable(0.1, "Lowest pass rate in the band.", ge=0, lt=1)
    high: float = mutable(0.9, "Highest pass rate in the band.", gt=0, le=1)
    confidence: float = mutable(
        0.95, "Posterior probability at which a region (below, in or above the band) is decided.", gt=0.5, lt=1
    )
    rule: Literal["jeffreys", "curtailed", "optimal", "fixed"] = mutable(
        "jeffreys", "When to stop sampling a prompt; docs/sampling.md compares the rules."
    )
    batch: int = Field(4, ge=1, description="Samples a prompt in one round.")
    max_samples: int = mutable(32, "Most samples a prompt.", ge=1, le=1024)
    truncated: Literal["undecided", "incorrect"] = mutable(
        "undecided", "What an answer that is cut off by its token limit counts as; a run says so where there are any."
    )
    correct_verifiers: bool = mutable(
        False, "Move the edges of the band by the verifiers' own error rates, as `coldstart audit` measured them."
    )
    pilot: str = mutable("", "Rule `optimal`: file of a pilot, in the `data` folder; its prior is fitted to it.")
    as_good_as: int = mutable(
        16,
        "Rule `optimal`: it errs no more, and loses no more in-band prompts, than so many fixed samples.",
        ge=1,
        le=1024,
    )

    @model_validator(mode="after")
    def _ordered(self) -> "Band":
        if self.low >= self.high:
            raise ValueError(f"low must be below high: low is {self.low}, high is {self.high}")
        if self.max_samples < self.batch:
            raise ValueError(f"max_samples must be at least batch: {self.max_samples} < {self.batch}")
        if self.rule == "optimal" and self.max_samples < self.as_good_as:
            raise ValueError(f"max_samples must be at least as_good_as: {self.max_samples} < {self.as_good_as}")
        return self


class Keep(Settings):
    """Which of the prompts whose pass rates are known go on."""

    who: Literal["target", "teachable", "edge"] = mutable(
        "target",
        "`target`: those in the target's band. `teachable`: those that models.strong solves and the target does not "
        "find too easy. `edge`: those that both holds for.",
    )
    easy_share: float = mutable(0.0, "Share of the prompts above the band that is replayed.", ge=0, le=1)
    guesses: int = mutable(
        0,
        "Answers without reasoning, tried for each prompt that would go on; one right drops it. 0: none.",
        ge=0,
        le=64,
    )
    guess_tokens: int = mutable(64, "Longest answer that passes for one without reasoning, in tokens.", ge=1)


class Choose(Similarity):
    """Which correct traces are used."""

    max_per_prompt: int = mutable(4, "Most traces of one prompt.", ge=1)
    max_chars: int = mutable(200_000, "Longest trace, in characters, reasoning included.", ge=1)
    require_reasoning: bool = mutable(False, "Only use traces that carry their reasoning.")


class PlanSettings(Similarity):
    """How many plans are written for each prompt in the band, and how they are tried."""

    n: int = mutable(4, "Plans a prompt.", ge=1, le=64)
    strategies: bool = mutable(True, "List different strategies in one call first; each plan then follows one of them.")
    samples: int = mutable(16, "Samples with each plan, and as many without a plan and with placebos.", ge=1, le=1024)
    confidence: float = mutable(0.95, "Posterior probability at which a plan helps or hurts.", gt=0.5, lt=1)
    leak_test: Literal["none", "people", "all"] = mutable(
        "people",
        "Which plans are also shown for a guess, to tell whether they give the answer away: those that people "
        "edited, or all; as many samples again, and as many guesses without a plan.",
    )


class Assemble(Settings):
    """How examples are put together."""

    show_plan: bool = mutable(True, "Put the plan before the reasoning where there is one.")
    annotated_only: bool = mutable(False, "Only use plans that people kept or edited.")
    validation_share: float = mutable(0.05, "Share of groups that go to the validation split.", ge=0, lt=1)


class Export(BaseModel):
    """Where the data set goes; the other settings belong to the exporter."""

    model_config = ConfigDict(extra="allow", frozen=True)
    format: str = mutable("sft", "File name of the exporter.")
    to: str = mutable("", "Folder or URL; empty: `export` in the run folder.")

    @property
    def options(self) -> dict[str, Any]:
        """The exporter's own settings."""
        return {"to": self.to, **(self.model_extra or {})}


class Budget(Settings):
    """What a run may spend on generation. What is reached stops it with exit code 3; a higher one lets it go on."""

    max_tokens: int | None = mutable(
        None, "Tokens of prompts and answers in the whole run; empty: any number.", ge=0, title="Max tokens"
    )
    max_requests: int | None = mutable(
        None,
        "Samples asked for in the whole run, failed ones too until they are retried; empty: any number.",
        ge=0,
        title="Max requests",
    )
    max_hours: float | None = mutable(
        None, "Hours that one command goes on asking; empty: any number.", ge=0, title="Max hours"
    )


class Work(Settings):
    """How the work is cut up; never decides a result."""

    shard_rows: int = mutable(500, "Rows of row-wise work that are published together.", ge=1, le=100_000)
    workers: int = mutable(2, "Threads that verify, each with a worker process where it needs one.", ge=1, le=256)
    max_error_rate: float = mutable(0.2, "Share of failed rows above which a run stops.", ge=0, le=1)


class Recipe(Settings):
    """All settings of a run."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        description="Short name; the default run folder carries it.",
        json_schema_extra={"mutable": True},
    )
    data: str = mutable(".", "Folder that relative paths start from, itself seen from where the command is run.")
    sources: dict[str, PluginSettings] = Field(min_length=1, description="Where prompts come from.")
    models: dict[Literal["target", "strong", "planner", "executor", "judge"], ModelSettings] = Field(
        description="The generator of each role; the target's pass rate defines the band."
    )
    verifiers: dict[str, dict[str, Any]] = Field({}, description="Settings of verifiers that have any, a table each.")
    screen: Screen = Screen()
    decontaminate: Decontaminate = Decontaminate()
    band: Band = Band()
    keep: Keep = Keep()
    plans: PlanSettings = PlanSettings()
    annotate: Annotate = Annotate()
    choose: Choose = Choose()
    assemble: Assemble = Assemble()
    export: Export = Export()
    budget: Budget = Budget()
    work: Work = Work()
    reuse: list[str] = mutable(
        [],
        "Run folders, seen from where the command is run: their rollouts are taken where they are the very samples "
        "owed, of the same prompt, model, template and settings.",
    )

    @model_validator(mode="after")
    def _roles_fit(self) -> "Recipe":
        if "target" not in self.models:
            raise ValueError("models.target is missing: it is the model whose pass rate defines the band")
        if "executor" in self.models and "planner" not in self.models:
            raise ValueError("models.planner is missing: without its plans models.executor has nothing to execute")
        if self.keep.who != "target" and "strong" not in self.models:
            raise ValueError(f"models.strong is missing: keep.who = {self.keep.who!r} asks what it solves")
        return self

    def prices(self) -> dict[str, Price]:
        """What the model of each role costs."""
        return {role: model.price for role, model in self.models.items()}


def identity_fields(settings: BaseModel) -> dict[str, Any]:
    """The fields of a settings model that are not marked `mutable`, as plain JSON values."""
    values = settings.model_dump(mode="json")
    fields = type(settings).model_fields
    return {name: values[name] for name in fields if not _is_mutable(fields[name].json_schema_extra)}


def _is_mutable(extra: Any) -> bool:
    return isinstance(extra, dict) and bool(extra.get("mutable"))

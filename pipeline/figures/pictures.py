"""Pictures of a run's difficulty, as PNG and SVG, for its card and its report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pipeline.figures.difficulty import Difficulty, sum_if_any
from pipeline.figures.drawing import (
    ANSWER_STYLES,
    MUTED,
    REGION_COLOURS,
    ROLE_COLOURS,
    count_axis,
    drawable,
    error_axes,
    label_ends,
    log_axis,
    middles,
    most,
    panels,
    rate_axis,
    rendered,
    shade_band,
    short,
)
from pipeline.figures.measured import ANSWERS
from pipeline.verifiers import TRUNCATED
from schemas.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INSTALL = "install it, in Coldstart's folder: pip install '.[pictures]'"
ANSWER_NAMES = {"correct": "right", "incorrect": "wrong", TRUNCATED: "cut off"}

UNRATED_AT = 1.12
"""Where prompts without a pass rate stand on its axis."""


@dataclass(frozen=True)
class Picture:
    """A picture, what it shows in words, and the rows that it was drawn from."""

    name: str
    alt: str
    images: Mapping[str, bytes]
    """Format (png, svg) -> the picture in it."""
    data: pl.DataFrame

    def files(self) -> dict[str, bytes]:
        """File name -> content: the picture in each format, and its numbers as CSV."""
        drawn = {f"{self.name}.{form}": image for form, image in self.images.items()}
        return {**drawn, f"{self.name}.csv": self.data.write_csv().encode()}


def is_figure(name: str) -> bool:
    """Whether a file may be one of ours by its name."""
    stem, _, suffix = name.rpartition(".")
    return suffix in ("png", "svg", "csv") and stem in {kind.name for kind in KINDS}


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return False
    return True


def draw(difficulty: Difficulty, *formats: str) -> tuple[Picture, ...]:
    """Every picture that there are numbers for, in the order of the card; InputError without matplotlib."""
    if not can_draw():
        raise InputError(f"pictures need the library matplotlib; {INSTALL}")
    return tuple(
        kind.draw(difficulty, *formats) for kind in KINDS if getattr(difficulty, kind.frame)[kind.number].count()
    )


def pass_rates(figure: "Figure", difficulty: Difficulty) -> None:
    """Prompts by pass rate, the band shaded, those without a rate beside it; a panel a role."""
    is_rated = pl.col("rate_low").is_not_null()
    shows_unrated = difficulty.histogram.filter(~is_rated)["n_prompts"].sum() > 0
    for axes, role, rows in _by_role(figure, difficulty, difficulty.histogram):
        rated, n_unrated = rows.filter(is_rated), int(rows.filter(~is_rated)["n_prompts"].sum())
        width = 0.88 * (rated["rate_high"][0] - rated["rate_low"][0])
        axes.bar(middles(rated), rated["n_prompts"].to_list(), width, color=ROLE_COLOURS[role])
        axes.set_ylim(0, 1.15 * max(most(rows["n_prompts"]), 1))
        shade_band(axes, difficulty.edges)
        rate_axis(axes)
        if shows_unrated:
            axes.bar([UNRATED_AT], [n_unrated], width, color=REGION_COLOURS["unmeasured"])
            ticks = axes.get_xticks()
            axes.set_xticks([*ticks, UNRATED_AT], [*(f"{tick:g}" for tick in ticks), "unmeasured"])
            axes.set_xlim(-0.02, 1.2)
        count_axis(axes.yaxis)
        axes.set_ylabel("prompts")


def samples_spent(figure: "Figure", difficulty: Difficulty) -> None:
    """Samples of each region, decided and undecided, before what the cap would have cost for every prompt."""
    for axes, _, rows in _by_role(figure, difficulty, difficulty.spent):
        found = rows.group_by("region", maintain_order=True)
        sums = found.agg(pl.col("n_prompts", "n_samples", "n_fixed").sum(), n_tokens=sum_if_any("n_tokens"))
        places = {region: y for y, region in enumerate(sums["region"])}
        axes.barh(list(places.values()), sums["n_fixed"].to_list(), 0.62, facecolor="none", edgecolor=MUTED,
                  linewidth=0.8, linestyle=(0, (3, 2)))  # fmt: skip
        start = dict.fromkeys(places, 0)
        for region, is_decided, n in rows.select("region", "is_decided", "n_samples").rows():
            shade = 1.0 if is_decided else 0.45
            axes.barh([places[region]], [n], 0.62, left=start[region], color=REGION_COLOURS[region], alpha=shade)
            start[region] += n
        for row in sums.iter_rows(named=True):
            tokens = "" if row["n_tokens"] is None else f"\n{short(row['n_tokens'])} tokens"
            axes.annotate(f"{row['n_samples'] / row['n_prompts']:.1f} a prompt{tokens}",
                          (max(row["n_samples"], row["n_fixed"]), places[row["region"]]), (6, 0), va="center",
                          textcoords="offset points", fontsize=9, annotation_clip=False)  # fmt: skip
        axes.set_yticks(list(places.values()), [_prompts(region, n) for region, n, *_ in sums.rows()])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(max(len(places), 3) - 0.5, -0.5)
        axes.set_xlim(0, 1.16 * max(most(sums["n_fixed"]), most(sums["n_samples"]), 1))
        count_axis(axes.xaxis)
        axes.set_xlabel(f"samples: decided, undecided (pale), and {difficulty.band.max_samples} for each (dashed)")


def tokens_by_difficulty(figure: "Figure", difficulty: Difficulty) -> None:
    """Mean length of right, wrong and cut-off answers by their prompt's pass rate; a panel a role."""
    for axes, _, rows in _by_role(figure, difficulty, difficulty.tokens):
        axes.set_ylim(0, 1.2 * max(most(rows["tokens_mean"]), 1))
        rate_axis(axes)
        shade_band(axes, difficulty.edges)
        lines = []
        for answer in ANSWERS:
            of_answer = rows.filter(pl.col("answer") == answer)
            if of_answer.height:
                lines.append(_line(axes, of_answer, "tokens_mean", ANSWER_NAMES[answer], *ANSWER_STYLES[answer]))
        label_ends(axes, lines)
        count_axis(axes.yaxis)
        axes.set_ylabel("mean tokens of an answer")


def tokens_per_right_answer(figure: "Figure", difficulty: Difficulty) -> None:
    """Tokens of all attempts for each right answer by pass rate, on a logarithmic axis; a line a role."""
    found = difficulty.tokens_per_correct.filter(pl.col("tokens_per_correct").is_not_null())
    axes = figure.subplots()
    rate_axis(axes)
    log_axis(axes, found["tokens_per_correct"])
    shade_band(axes, difficulty.edges)
    lines = [
        _line(axes, rows, "tokens_per_correct", role, ROLE_COLOURS[role], "o")
        for (role,), rows in found.group_by("role", maintain_order=True)
    ]
    if len(lines) > 1:
        label_ends(axes, lines)
    axes.set_ylabel("tokens for each right answer")


def calibration(figure: "Figure", difficulty: Difficulty) -> None:
    """Error as the posterior states it against the one expected, both on square-root axes; a panel a role."""
    numbers = difficulty.calibration
    reach = min(1.0, 1.25 * max(most(numbers["stated"]), most(numbers["expected"]), 0.1))
    for axes, role, rows in _by_role(figure, difficulty, numbers, across=True):
        error_axes(axes, reach)
        for n, stated, expected in rows.select("n_prompts", "stated", "expected").rows():
            size = 20 + 300 * n / rows["n_prompts"].sum()
            away = 1 if expected >= stated else -1
            axes.scatter([stated], [expected], size, color=ROLE_COLOURS[role], alpha=0.8, linewidth=0, clip_on=False)
            axes.annotate(short(n), (stated, expected), (0, away * (5 + size**0.5 / 2)), textcoords="offset points",
                          ha="center", va="bottom" if away > 0 else "top", fontsize=8, color=MUTED,
                          annotation_clip=False)  # fmt: skip
        axes.set_xlabel("error that the posterior states\n(numbers beside marks: prompts)")
        axes.set_ylabel("error expected")


def pass_at_k(figure: "Figure", difficulty: Difficulty) -> None:
    """pass@k of the first round with its interval, the number of samples on a logarithmic axis; a line a role."""
    axes, lines = figure.subplots(), []
    axes.set_xscale("log", base=2)
    axes.set_ylim(0, 1.1)
    axes.set_yticks([i / 5 for i in range(6)])
    ks: list[int] = difficulty.pass_at_k["k"].unique().sort().to_list()
    axes.set_xlim(0.85, ks[-1] * 1.18)
    axes.set_xticks(ks, [str(k) for k in ks])
    for (role,), rows in difficulty.pass_at_k.group_by("role", maintain_order=True):
        colour, k, means = ROLE_COLOURS[role], rows["k"].to_list(), rows["pass_at_k"].to_list()
        axes.plot(k, means, color=colour, marker="o", markersize=5, linewidth=1.6)
        if rows["ci_low"].count():
            low, high = rows["ci_low"].to_list(), rows["ci_high"].to_list()
            axes.fill_between(k, low, high, color=colour, alpha=0.15, linewidth=0)
        below = most(difficulty.pass_at_k.filter(k=1)["pass_at_k"]) > means[0]
        for x, y in zip(k, means, strict=True):
            axes.annotate(f"{y:.2f}", (x, y), (0, -15 if below else 7), textcoords="offset points", ha="center",
                          fontsize=9, color=colour)  # fmt: skip
        lines.append((str(role), means[-1], colour))
    if len(lines) > 1:
        label_ends(axes, lines)
    axes.set_xlabel("k: tries of the first round")
    axes.set_ylabel("pass@k, mean over prompts")


def _by_role(
    figure: "Figure", difficulty: Difficulty, frame: pl.DataFrame, *, across: bool = False
) -> "list[tuple[Axes, str, pl.DataFrame]]":
    """A panel, the role and its rows, for each role in a frame."""
    roles = frame["role"].unique().sort().to_list()
    titles = [f"{role}: {drawable(difficulty.models.get(role, ''))}".removesuffix(": ") for role in roles]
    drawn = zip(panels(figure, titles, across=across), roles, strict=True)
    return [(axes, role, frame.filter(pl.col("role") == role)) for axes, role in drawn]


def _line(axes: "Axes", rows: pl.DataFrame, number: str, name: str, colour: str, mark: str) -> tuple[str, float, str]:
    """Draw a line over pass rates; its name, where it ends, and its colour."""
    y = rows[number].to_list()
    axes.plot(middles(rows), y, color=colour, marker=mark, markersize=5, linewidth=1.6)
    return name, y[-1], colour


def _prompts(region: str, n: int) -> str:
    return f"{region.replace('_', ' ')}\n{n:,} prompt{'' if n == 1 else 's'}"


@dataclass(frozen=True)
class Kind:
    """A picture that can be drawn: its name, its frame, a column that must have numbers, and what it shows."""

    name: str
    frame: str
    number: str
    alt: str
    shape: "Callable[[Figure, Difficulty], None]"
    is_by_role: bool = False
    """Whether each role has a panel of its own below the others."""

    def draw(self, difficulty: Difficulty, *formats: str) -> Picture:
        """The picture of these numbers."""
        data = getattr(difficulty, self.frame)
        n_panels = data["role"].n_unique() if self.is_by_role else 1
        images = rendered(lambda figure: self.shape(figure, difficulty), n_panels, self.alt, formats)
        return Picture(self.name, self.alt, images, data)


KINDS = (
    Kind("pass-rates", "histogram", "n_prompts", "Prompts by pass rate, with the band shaded", pass_rates, True),
    Kind("samples-spent", "spent", "n_samples", "Samples by region, beside as many for each prompt", samples_spent,
         True),
    Kind("calibration", "calibration", "expected", "Stated error against expected error", calibration),
    Kind("pass-at-k", "pass_at_k", "pass_at_k", "pass@k of the first round", pass_at_k),
    Kind("tokens-by-difficulty", "tokens", "tokens_mean", "Length of right and wrong answers by pass rate",
         tokens_by_difficulty, True),
    Kind("tokens-per-correct", "tokens_per_correct", "tokens_per_correct", "Tokens for each right answer by pass rate",
         tokens_per_right_answer),
)  # fmt: skip

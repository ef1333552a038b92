"""How pictures look: size, colours, axes and labels that all of them share; matplotlib is imported only to draw.

The same drawing gives the same bytes by the same version of matplotlib, whatever its configuration on a machine says.
Names are shown letter for letter: nothing in them is taken for mathematics, breaks a line or lacks a glyph.
"""

import io
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from pipeline.hostile import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

WIDTH, PANEL_HEIGHT, DPI = 8.0, 3.4, 150
"""Inches (a card is about 8 of them wide), and pixels of the PNG to an inch."""
MAX_NAME = 60
LABEL_GAP = 0.07
"""Least distance between two labels, as a share of the height of a panel."""

ERROR_TICKS = (0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6)

INK, MUTED, BAND = "#222222", "#6b6b6b", "#dcefe8"
REGION_COLOURS = {"too_hard": "#d55e00", "in_band": "#009e73", "too_easy": "#0072b2", "unmeasured": "#8a8a8a"}
ROLE_COLOURS = {"target": "#0072b2", "strong": "#b35900"}
ANSWER_STYLES = {"correct": ("#009e73", "o"), "incorrect": ("#d55e00", "s"), "truncated": ("#6b6b6b", "^")}
"""Colours that stay apart for the colour-blind (Okabe and Ito 2008), and marks that stay apart without colours."""

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans", "font.size": 10, "text.color": INK, "text.parse_math": False,
    "axes.labelcolor": INK, "axes.edgecolor": MUTED, "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlesize": 10, "axes.titlelocation": "left", "axes.axisbelow": True,
    "xtick.color": MUTED, "ytick.color": MUTED, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "xtick.minor.visible": False, "ytick.minor.visible": False, "svg.hashsalt": "coldstart",
    "figure.constrained_layout.w_pad": 0.12, "figure.constrained_layout.h_pad": 0.12,
}  # fmt: skip


def rendered(shape: "Callable[[Figure], None]", n_panels: int, title: str, formats: Sequence[str]) -> dict[str, bytes]:
    """What `shape` draws on an empty figure, in each of `formats` (png, svg).

    `title` is the SVG's, for those who do not see it.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(WIDTH, PANEL_HEIGHT * n_panels), dpi=DPI, layout="constrained")
        shape(figure)
        metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None, "Title": title}}
        images = {form: io.BytesIO() for form in formats}
        for form, image in images.items():
            figure.savefig(image, format=form, metadata=metadata[form])
    return {form: image.getvalue() for form, image in images.items()}


def drawable(text: str) -> str:
    """A text from outside on one short line, with a question mark for every character that the font has no glyph of."""
    from matplotlib.font_manager import findfont, get_font

    known = get_font(findfont("DejaVu Sans")).get_charmap()
    return "".join(c if ord(c) in known else "?" for c in one_line(text, MAX_NAME))


def shade_band(axes: "Axes", edges: Sequence[tuple[float, float]]) -> None:
    """The band behind what is drawn; where it has several edges, the darker the more of them agree."""
    for low, high in edges:
        axes.axvspan(low, high, color=BAND, alpha=1 / len(edges), linewidth=0, zorder=0)
    if len(edges) == 1:
        ((low, high),) = edges
        named = f"band {low:g} to {high:g}" if high - low > 0.15 else "band"
        axes.annotate(named, ((low + high) / 2, 1), (0, -4), xycoords=axes.get_xaxis_transform(), ha="center",
                      va="top", textcoords="offset points", color="#2c6e58", fontsize=9)  # fmt: skip


def rate_axis(axes: "Axes") -> None:
    """Pass rates from 0 to 1, with room for marks at both ends."""
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks([i / 10 for i in range(0, 11, 2)], [f"{i / 10:g}" for i in range(0, 11, 2)])
    axes.set_xlabel("pass rate of the prompt")


def count_axis(axis: "Axis") -> None:
    """Whole numbers in short, such as 20k, on few ticks."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=5, integer=True, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def log_axis(axes: "Axes", values: pl.Series) -> None:
    """A logarithmic y axis around positive values, with ticks at 1, 2 and 5 times powers of ten."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = max(least(values), 1e-3) / 1.6, max(most(values), 1e-3) * 1.8
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(FixedLocator([step * 10.0**decade for decade in decades for step in steps]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def short(number: float) -> str:
    """A count in at most four characters and its unit.

    >>> short(950), short(1500), short(20000), short(1234567), short(0.5)
    ('950', '1.5k', '20k', '1.2M', '0.5')
    """
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size * 0.9995:
            return f"{number / size:.3g}{unit}" if number / size >= 100 else f"{number / size:.2g}{unit}"
    return f"{number:.3g}"


def label_ends(axes: "Axes", lines: Sequence[tuple[str, float, str]]) -> None:
    """Names beside the ends of lines (name, y of the end, colour), moved apart where they would overlap."""
    placed = -math.inf
    for name, y, colour in sorted(lines, key=lambda line: line[1]):
        at = axes.transAxes.inverted().transform(axes.transData.transform((0, y)))[1]
        placed = max(at, placed + LABEL_GAP)
        axes.annotate(name, (1, placed), (4, 0), xycoords="axes fraction", textcoords="offset points", va="center",
                      color=colour, annotation_clip=False)  # fmt: skip


def panels(figure: "Figure", titles: Sequence[str], *, across: bool = False) -> "list[Axes]":
    """A panel for each title, below each other or `across`."""
    found = figure.subplots(1, len(titles), squeeze=False) if across else figure.subplots(len(titles), squeeze=False)
    for axes, title in zip(found.flat, titles, strict=True):
        axes.set_title(one_line(title, MAX_NAME // len(titles)) if across else title)
    return list(found.flat)


def error_axes(axes: "Axes", most: float) -> None:
    """Two axes of shares up to `most` by their square roots, so that small ones stay apart, and the line of equals."""
    ticks = [tick for tick in ERROR_TICKS if tick <= most]
    for axis, scale, limits in (
        (axes.xaxis, axes.set_xscale, axes.set_xlim),
        (axes.yaxis, axes.set_yscale, axes.set_ylim),
    ):
        scale("function", functions=(lambda x: np.sqrt(np.clip(x, 0, None)), np.square))
        limits(0, most)
        axis.set_ticks(ticks, [f"{tick:.0%}" for tick in ticks])
    axes.plot([0, most], [0, most], color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1)
    for text, place, align in (
        ("worse than stated", (0.03, 0.96), "left"),
        ("better than stated", (0.97, 0.04), "right"),
    ):
        axes.annotate(text, place, xycoords="axes fraction", ha=align, va="top" if align == "left" else "bottom",
                      fontsize=9, color=MUTED)  # fmt: skip


def middles(rows: pl.DataFrame) -> list[Any]:
    """Middles of bins of the pass rate: columns rate_low and rate_high."""
    return ((rows["rate_low"] + rows["rate_high"]) / 2).to_list()


def least(values: pl.Series) -> float:
    """The least number of a column that has some."""
    numbers: list[Any] = values.drop_nulls().to_list()
    return float(min(numbers))


def most(values: pl.Series) -> float:
    """The greatest of them."""
    numbers: list[Any] = values.drop_nulls().to_list()
    return float(max(numbers))

"""What a page is made of: sections of words, notices, key figures, plots and grids of numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import polars as pl
from markupsafe import Markup
from matplotlib.figure import Figure

from experiments.figures.style import Shape, inline
from experiments.figures.units import MISSING, clock, compact, percent, two_digits

__all__ = [
    "Block",
    "Code",
    "Column",
    "Grid",
    "KeyFigures",
    "Notice",
    "Plot",
    "Section",
    "Words",
    "figure_block",
    "grid",
    "moment",
    "money",
    "name",
    "ratio",
    "share",
    "whole",
]


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph."""

    text: str
    kind: str = "words"


@dataclass(frozen=True, slots=True)
class Notice:
    """A paragraph that must not be overlooked."""

    text: str
    kind: str = "notice"


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """Pairs of value with unit, and what it is."""

    pairs: tuple[tuple[str, str], ...]
    kind: str = "key_figures"


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawn figure and what it shows."""

    picture: Markup
    caption: str
    kind: str = "plot"


@dataclass(frozen=True, slots=True)
class Code:
    """Commands to copy."""

    text: str
    kind: str = "code"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: `heads` with units, `numeric` says which columns stand to the right, `note` what is left out."""

    heads: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str
    note: str = ""
    kind: str = "grid"


Block = Words | Notice | KeyFigures | Plot | Code | Grid


@dataclass(frozen=True, slots=True)
class Section:
    """A headed part of the page; `slug` is its anchor."""

    slug: str
    title: str
    blocks: tuple[Block, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a grid out of a frame: where from, its head with unit, how a value is written."""

    source: str
    head: str
    write: Callable[[object], str]
    numeric: bool = True


def name(source: str, head: str) -> Column:
    """A column of names or ids as they are."""
    return Column(source, head, lambda v: MISSING if v is None or v == "" else str(v), numeric=False)


def money(source: str, head: str, unit: str = "USD") -> Column:
    """Amounts to three significant figures."""
    return Column(source, f"{head} ({unit})" if unit else head, _number(compact))


def whole(source: str, head: str) -> Column:
    """Counts."""
    return Column(source, head, _number(lambda v: f"{v:,.0f}"))


def share(source: str, head: str) -> Column:
    """Fractions as per cent."""
    return Column(source, f"{head} (%)", _number(lambda v: percent(v).removesuffix(" %")))


def moment(source: str, head: str) -> Column:
    """Moments in simulated time."""
    return Column(source, f"{head} (h:min:s)", _number(clock))


def ratio(source: str, head: str) -> Column:
    """Plain numbers with two digits."""
    return Column(source, head, _number(two_digits))


def _number(write: Callable[[float], str]) -> Callable[[object], str]:
    def checked(value: object) -> str:
        return write(float(value)) if isinstance(value, int | float) else MISSING

    return checked


def grid(
    frame: pl.DataFrame, columns: Sequence[Column], caption: str, *, most: int = 15, order: str = "largest first"
) -> Grid:
    """The first rows of a frame as a grid that says what it leaves out."""
    shown = frame.head(most)
    rows = zip(*([c.write(v) for v in shown[c.source]] for c in columns), strict=True)
    note = f"The first {shown.height:,} of {frame.height:,}, {order}." if frame.height > most else ""
    return Grid(tuple(c.head for c in columns), tuple(c.numeric for c in columns), tuple(rows), caption, note)


def figure_block(
    slug: str, draw: Callable[[Shape], Figure] | None, caption: str, *, label: str, absent: str
) -> Plot | Words:
    """A drawn figure, or one sentence that says why there is none."""
    return Words(absent) if draw is None else Plot(inline(draw, slug, label), caption)

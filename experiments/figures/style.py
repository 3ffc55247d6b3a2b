"""How figures look: colours by role, one font, and SVG that follows the page's light or dark mode.

A figure is drawn with the light colours of `ROLES`; `svg` then puts a CSS variable in the place of each, so
that the page decides.  Nothing depends on the time, the machine or an earlier figure: equal data, equal bytes.
"""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

__all__ = [
    "DASHES",
    "HATCHES",
    "MARKERS",
    "NARROW",
    "ROLES",
    "SERIES",
    "WIDE",
    "Shape",
    "colour",
    "figure",
    "heading",
    "inline",
    "legend_above",
    "save_png",
    "svg",
]

ROLES: dict[str, tuple[str, str]] = {
    "ink": ("#1b1f24", "#e8ebf0"),
    "muted": ("#57606a", "#a4adb9"),
    "grid": ("#dde1e6", "#333a44"),
    "paper": ("#fefefe", "#14171b"),
    "blue": ("#0072b2", "#4ba6e0"),
    "orange": ("#e69f00", "#f2b632"),
    "green": ("#009e73", "#30c79c"),
    "red": ("#d55e00", "#ff8a4a"),
    "purple": ("#cc79a7", "#e39bc6"),
    "sky": ("#56b4e9", "#9bd5f8"),
    "stone": ("#8a8f98", "#868d98"),
    "olive": ("#8c7f00", "#d9cc4c"),
}
"""Colour of each role in light and in dark mode; the series are those of Okabe and Ito (2008)."""

SERIES = ("blue", "orange", "green", "red", "purple", "sky", "olive", "stone")
"""Roles of series, in order of use; `DASHES`, `MARKERS` and `HATCHES` tell them apart without colour."""

DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = ("-", "--", "-.", ":", (0, (6, 2, 1, 2, 1, 2)), (0, (8, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "++", "oo", "--")

_PLOT_FONT = "font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
_HEX = re.compile(r"#[0-9a-f]{6}\b")
_SHORTHAND = re.compile(r"font: (?:(?:italic|oblique|bold|\d+) )*?([\d.]+)px [^;\"]*")


@dataclass(frozen=True, slots=True)
class Shape:
    """The room a figure has: `name` is the class of the page's element, `width` is in CSS pixels."""

    name: str
    width: int
    font: float

    @property
    def narrow(self) -> bool:
        """Whether it is for a small screen."""
        return self.name == "narrow"


WIDE = Shape("wide", 960, 12.5)
NARROW = Shape("narrow", 360, 11.5)

_COLOURS = {light: role for role, (light, _) in ROLES.items()}


def colour(role: str) -> str:
    """The light colour that stands for a role while a figure is drawn."""
    return ROLES[role][0]


@contextmanager
def _rules(font: float) -> Iterator[None]:
    ink, muted = colour("ink"), colour("muted")
    rules: dict[Any, object] = {
        "font.family": "DejaVu Sans",
        "font.size": font,
        "axes.titlesize": font,
        "axes.titlelocation": "left",
        "axes.titleweight": "normal",
        "axes.labelsize": font,
        "axes.edgecolor": muted,
        "axes.labelcolor": ink,
        "axes.titlecolor": ink,
        "axes.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.unicode_minus": True,
        "grid.color": colour("grid"),
        "grid.linewidth": 0.8,
        "xtick.color": muted,
        "ytick.color": muted,
        "xtick.labelcolor": ink,
        "ytick.labelcolor": ink,
        "text.color": ink,
        "text.parse_math": False,
        "figure.facecolor": "none",
        "hatch.linewidth": 0.7,
        "legend.frameon": False,
        "legend.fontsize": font,
        "lines.linewidth": 1.6,
        "lines.solid_capstyle": "round",
        "svg.fonttype": "none",
        "svg.hashsalt": "crossfire",
    }
    with mpl.rc_context(rules):
        yield


def figure(shape: Shape, height: float) -> Figure:
    """An empty figure of a shape and a height in CSS pixels, laid out without overlaps."""
    return Figure(figsize=(shape.width / 72, height / 72), dpi=72, layout="constrained")


def legend_above(fig: Figure, axes: Axes, shape: Shape, columns: int = 6) -> None:
    """The legend of some axes on top of the whole figure; does nothing where there is none to show."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        fig.legend(
            handles,
            labels,
            loc="outside upper left",
            ncols=min(len(labels), 2 if shape.narrow else columns),
            columnspacing=1.4,
            handlelength=2.6,
        )


def heading(axes: Axes, text: str) -> None:
    """What a panel shows, with its unit, above it: quicker to read than a label on its side."""
    axes.set_title(text)


def svg(draw: Callable[[Shape], Figure], shape: Shape, name: str, label: str) -> Markup:
    """Draw in one shape, as an SVG element whose colours are CSS variables and whose ids begin with `name`."""
    buffer = io.StringIO()
    with _rules(shape.font):
        drawn = draw(shape)
        FigureCanvasSVG(drawn)
        drawn.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    # The style that matplotlib puts in would be one for the whole page; the page has it for its figures.
    text = re.sub(r"<metadata>.*?</metadata>\s*|<style.*?</style>\s*", "", text, flags=re.DOTALL)
    text = _HEX.sub(lambda match: f"var(--{_COLOURS[match[0]]})" if match[0] in _COLOURS else match[0], text)
    text = re.sub(r'\b(fill|stroke)="(var\([^"]*\))"', r'style="\1: \2"', text)
    text = _SHORTHAND.sub(rf"font-size: \1px; {_PLOT_FONT}", text)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\1{name}-", text)
    view = re.search(r'viewBox="[^"]*"', text)
    assert view is not None
    head = f'<svg {view[0]} class="{shape.name}" role="img" aria-label="{escape(label)}">'
    return Markup(re.sub(r"\n\s*", "\n", head + text[text.index(">") + 1 :]))


def inline(draw: Callable[[Shape], Figure], name: str, label: str) -> Markup:
    """A figure for the page: drawn once for wide and once for small screens; the page's style shows one."""
    return Markup("\n").join(svg(draw, shape, f"{name}-{shape.name}", label) for shape in (WIDE, NARROW))


def save_png(draw: Callable[[Shape], Figure], path: Path, *, width: int = 1600, font: float = 12.5) -> Path:
    """Draw in the wide shape on white paper and save as PNG, `width` pixels wide.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    shape = Shape("wide", WIDE.width, font)
    with _rules(shape.font):
        drawn = draw(shape)
        drawn.set_facecolor("white")
        FigureCanvasAgg(drawn)
        drawn.savefig(path, format="png", dpi=72 * width / shape.width, metadata={"Software": None})
    return path

"""The stretch of time that a figure shows, in the unit that reads best."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from experiments.figures.units import compact, time_scale

__all__ = ["Window", "money_axis"]


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` to `end`, in simulated seconds."""

    start: float
    end: float

    @property
    def span(self) -> float:
        """Seconds shown, never zero."""
        return max(self.end - self.start, 1.0)

    def x(self, times: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Places on the axis of moments in seconds."""
        return np.asarray(times, dtype=np.float64) / time_scale(self.span)[0]

    def label(self, axes: Axes, what: str = "simulated time") -> None:
        """Set limits, ticks and label of the time axis; late in a long run ticks read as a clock."""
        scale, unit = time_scale(self.span)
        axes.set_xlim(float(self.x(self.start)), float(self.x(self.start + self.span)))
        if self.end > 7200 and scale <= 60:
            axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
            axes.xaxis.set_major_formatter(lambda value, _: _clock(scale * float(value), seconds=scale < 60))
            unit = "h:min:s" if scale < 60 else "h:min"
        axes.set_xlabel(f"{what} ({unit})")


def _clock(value: float, *, seconds: bool) -> str:
    hours, rest = divmod(round(value), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if seconds else f"{hours}:{rest // 60:02d}"


def money_axis(axes: Axes) -> None:
    """Ticks of the vertical axis as 1.5M rather than 1500000."""
    axes.yaxis.set_major_formatter(lambda value, _: compact(float(value)))

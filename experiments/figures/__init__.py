"""Figures of runs and sweeps, as SVG for the report and as PNG files."""

from experiments.figures.cascade import save_picture
from experiments.figures.timeline import timeline_png

__all__ = ["save_picture", "timeline_png"]

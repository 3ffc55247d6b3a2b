"""Families of margin rules by the name that presets call them by."""

from abm.margin.engine import Engine
from abm.margin.families.scenario_grid import ScenarioGrid
from abm.margin.families.weighted import Weighted

__all__ = ["FAMILIES"]

FAMILIES: dict[str, type[Engine]] = {
    "scenario_grid": ScenarioGrid,
    "weighted": Weighted,
}

"""Families of margin rules by the name that presets call them by."""

from abm.margin.engine import Engine
from abm.margin.families.weighted import Weighted

__all__ = ["FAMILIES"]

FAMILIES: dict[str, type[Engine]] = {
    "weighted": Weighted,
}

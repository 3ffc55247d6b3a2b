"""What a design varies: levers over keys of a scenario, and named cases."""

import json
import math
from typing import Any, Literal

from pydantic import Field

from abm.keys import Finite, Name
from abm.spec import Spec

__all__ = ["Case", "Lever", "Value", "label"]

Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...]


def label(value: Any) -> str:
    """A level as text: `isolated`, `0.5`, `true`, `fund,adl`, `200,000`."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ",".join(label(v) for v in value)
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 1e4 <= abs(value) < 1e15
        and value == int(value)
    ):
        return f"{int(value):,}"
    return json.dumps(value)


class Lever(Spec):
    """One thing that is varied: a key of the scenario (or several set alike) and its values."""

    name: Name = Field(description="short label; the name of its column")
    key: str = Field("", description="key of the scenario, as `--set` takes it")
    keys: tuple[str, ...] = Field((), description="several keys that get the same value")
    values: tuple[Value, ...] = Field((), description="grid: its values; latin hypercube: values drawn equally often")
    low: Finite | None = Field(None, description="latin hypercube: lower end of a range")
    high: Finite | None = Field(None, description="latin hypercube: upper end")
    scale: Literal["linear", "log"] = Field("linear", description="latin hypercube: even in the value or in its log")
    baseline: Value | None = Field(None, description="the value that effects are measured against; default: the first")

    @property
    def targets(self) -> tuple[str, ...]:
        """The keys of the scenario that it sets."""
        return self.keys or (self.key,)

    @property
    def ranged(self) -> bool:
        """Whether it is drawn from a range rather than from values."""
        return self.low is not None and self.high is not None

    def at(self, u: float) -> Value:
        """The value at the quantile `u` in [0, 1)."""
        if self.low is None or self.high is None:
            return self.values[int(u * len(self.values))]
        if self.scale == "log":
            return math.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))
        return self.low + u * (self.high - self.low)

    def fault(self, kind: str) -> str:
        """What is wrong with it in a design of that kind, as "what; remedy"; empty if nothing."""
        labels = [label(v) for v in self.values]
        half = (self.low is None) != (self.high is None)
        tests = (
            (bool(self.key) == bool(self.keys), "needs either `key` or `keys`; name what it sets"),
            (half, "has one end of a range only; give both `low` and `high`"),
            (kind == "grid" and not self.values, "has no `values`; a grid needs them"),
            (self.ranged == bool(self.values), "needs either `values` or `low` and `high`; give one of the two"),
            (kind == "grid" and self.ranged, "has a range, which a grid cannot run; list `values`"),
            (self.ranged and not (self.low or 0.0) < (self.high or 0.0), "has low >= high; order them"),
            (
                self.ranged and self.scale == "log" and (self.low or 0.0) <= 0,
                "has a log scale from low <= 0; raise low",
            ),
            (len(set(labels)) < len(labels), "has a value twice; remove one"),
            (
                self.baseline is not None and label(self.baseline) not in labels,
                f"has a baseline '{label(self.baseline)}' that is not among its values; choose one of them",
            ),
        )
        return next((text for wrong, text in tests if wrong), "")


class Case(Spec):
    """One named set of overrides in a design of kind `list`."""

    name: Name
    set: dict[str, Any] = Field(default_factory=dict, description="overrides of the scenario; empty: as it is")

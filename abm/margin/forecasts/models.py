"""The forecasters by name."""

from collections.abc import Callable

from abm.margin.forecasts.base import Forecaster
from abm.margin.forecasts.boosting import Boosting
from abm.margin.forecasts.ewma import Ewma, FittedEwma
from abm.margin.forecasts.garch import Garch
from abm.margin.forecasts.har import Har, LevelHar

__all__ = ["MODELS", "forecaster"]

MODELS: dict[str, Callable[[int], Forecaster]] = {
    "ewma": Ewma,
    "ewma-fitted": FittedEwma,
    "har": Har,
    "har-level": LevelHar,
    "garch": Garch,
    "boosting": Boosting,
}
"""Each makes a forecaster for a horizon."""


def forecaster(name: str, horizon: int = 1) -> Forecaster:
    """A forecaster by name.

    Raises
    ------
    ValueError
        There is none of that name.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model '{name}'; one of {', '.join(MODELS)}")
    return MODELS[name](horizon)

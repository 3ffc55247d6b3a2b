"""What a governor expects: moves over the close-out time, forecast from what it has seen of each book.

It looks at last prices on its own turns.  A period closes at the first look in the next; its variance is the sum of
squared log returns between looks since the last one closed, split evenly where no look fell into some.  Before the run there may be a history
of bars: its periods come first, scaled so that their mean variance is the usual one, since what is usual is the scenario's
to say.  Until a model has seen enough (what it needs, and ten times the horizon), an exponential mean from the usual variance stands in for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abm.errors import PriceFileError, nearest
from abm.margin.forecasts.base import Forecaster
from abm.margin.forecasts.ewma import Ewma
from abm.margin.forecasts.models import forecaster
from abm.margin.forecasts.observed import Observed
from abm.prices.files import read_table
from abm.prices.symbols import asset_of

__all__ = ["Outlook", "read_history"]

Floats = NDArray[np.float64]

APART = 10
"""Targets that do not overlap, beside what the model itself needs, before its forecasts are trusted."""

NOTHING = Observed(np.zeros(0), np.zeros(0))


def read_history(path: Path, assets: Sequence[str], period: float) -> dict[str, Observed]:
    """Periods of each asset out of a file of bars; of several series of an asset the longest, the first by name.

    Raises
    ------
    PriceFileError
        The file cannot be read, lacks an asset, or has bars farther apart than a period.
    """
    table = read_table(path)
    found: dict[str, Observed] = {}
    series = table.partition_by("symbol", "venue", as_dict=True, maintain_order=True)
    for asset in assets:
        mine = [key for key in sorted(series) if asset_of(str(key[0]), [asset]) == asset]
        if not mine:
            raise PriceFileError(str(path), f"has no bars of {asset}", nearest(asset, {str(s) for s, _ in series}))
        longest = series[max(mine, key=lambda key: len(series[key]))]
        time, close = longest["time"].to_numpy() * 1e-6, longest["close"].fill_null(float("nan")).to_numpy()
        if not (np.all(np.diff(time) > 0.0) and np.all(close > 0.0)):
            raise PriceFileError(str(path), f"bars of {asset} out of order, or with prices that are none", "mend them")
        if len(time) < 2 or float(np.median(np.diff(time))) > period:
            what = f"bars of {asset} are farther apart than a period of {period:g} s"
            raise PriceFileError(str(path), what, "give finer bars, or raise the governor's `period`")
        bins = (time[1:] // period).astype(np.int64)
        _, start = np.unique(bins, return_index=True)
        moves = np.diff(np.log(close))
        found[asset] = Observed(np.add.reduceat(moves, start), np.add.reduceat(moves**2, start))
    return found


@dataclass(frozen=True, slots=True)
class Learning:
    """How an outlook learns: model, seconds of a period, periods ahead, periods between refits."""

    model: str
    period: float
    horizon: int
    refit: int


class Outlook:
    """Forecasts of variance for some books.

    Parameters
    ----------
    learning
        How.
    usual
        f8[n], usual variance per second of each book; where it is 0 nothing is expected.
    history
        Periods before the run by book; `NOTHING` where there are none.
    """

    def __init__(self, learning: Learning, usual: Floats, history: Sequence[Observed]) -> None:
        self.learning, self.usual = learning, usual * learning.period
        """Variance of a period."""
        self._past = [_scaled(h, float(u)) for h, u in zip(history, self.usual, strict=True)]
        self._returns: list[Floats] = []
        self._variance: list[Floats] = []
        self._models: list[Forecaster | None] = [None] * len(usual)
        self._fitted = [0] * len(usual)
        self._opened, self._sum, self._squares = -np.inf, np.zeros(len(usual)), np.zeros(len(usual))
        self._last: Floats | None = None

    def look(self, now: float, prices: Floats) -> None:
        """See last prices f8[n] at a time in seconds, no earlier than the look before."""
        if self._last is None:
            self._last, self._opened = np.log(prices), now
            return
        moves = np.log(prices) - self._last
        self._last = self._last + moves
        self._sum, self._squares = self._sum + moves, self._squares + moves**2
        closed = int(now // self.learning.period) - int(self._opened // self.learning.period)
        if closed > 0:
            self._returns += [self._sum / closed] * closed
            self._variance += [self._squares / closed] * closed
            self._opened, self._sum, self._squares = now, np.zeros(len(moves)), np.zeros(len(moves))

    def variance(self) -> Floats:
        """f8[n]: mean variance per second of the periods ahead."""
        return np.array([self._ahead(book) for book in range(len(self.usual))]) / self.learning.period

    def _ahead(self, book: int) -> float:
        usual = float(self.usual[book])
        if usual == 0.0:
            return 0.0
        seen = self._seen(book)
        model = self._model(book, seen)
        if model is None:
            model = Ewma(self.learning.horizon, seed=usual)
            model.fit(Observed(np.zeros(2 + self.learning.horizon), np.full(2 + self.learning.horizon, usual)))
        if not len(seen):
            return usual
        return float(model.forecast(seen, len(seen) - 1)[0])

    def _seen(self, book: int) -> Observed:
        """All its periods."""
        past = self._past[book]
        returns = np.array([row[book] for row in self._returns])
        variance = np.array([row[book] for row in self._variance])
        return Observed(np.concatenate([past.returns, returns]), np.concatenate([past.variance, variance]))

    def _model(self, book: int, seen: Observed) -> Forecaster | None:
        """The model as last fitted; none where the plain exponential mean is asked for, or until there is enough."""
        if self.learning.model == "ewma":
            return None
        due = self._models[book] is None or len(seen) - self._fitted[book] >= self.learning.refit
        if due:
            model = forecaster(self.learning.model, self.learning.horizon)
            if (
                len(seen) >= model.least + self.learning.horizon
                and np.any(seen.variance > 0.0)
                and seen.returns.std() > 0
            ):
                model.fit(seen)
                self._models[book], self._fitted[book] = model, len(seen)
        return self._models[book]


def _scaled(history: Observed, usual: float) -> Observed:
    """The history at the usual mean variance; as it is where it never moves."""
    mean = float(history.variance.mean()) if len(history) else 0.0
    if mean == 0.0:
        return NOTHING
    return Observed(history.returns * np.sqrt(usual / mean), history.variance * (usual / mean))

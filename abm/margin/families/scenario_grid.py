"""Portfolio margin over a grid of scenarios: options, perpetuals, dated futures and collateral of several underlyings.

Maintenance requirement = mm_factor * loss + contingencies, the loss being that of the worst scenario of spot and volatility
(see `abm.margin.portfolio`); initial requirement = (im_factor + peg term) * loss + more contingencies.  Initial and
maintenance health are mark to market less haircuts less these, as in Derive's PMRM_2
(https://github.com/derivexyz/v2-core, src/risk-managers/PMRM_2.sol and PMRMLib_2.sol), which has one underlying an account;
here underlyings add up, or share a stated part in joint scenarios.  Dated futures are shocked like the forward they are.
"""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from abm.ledger import Ledger
from abm.margin.engine import Assessment, Engine, Part, Sensitivity, Terms
from abm.margin.portfolio.board import Board, board_of, in_scenarios, series_used
from abm.margin.portfolio.book import book_of, numbers_of
from abm.margin.portfolio.explain import parts
from abm.margin.portfolio.holdings import scratch_for
from abm.margin.portfolio.kernel import margin_kernel, safe_rows
from abm.margin.portfolio.parameters import ScenarioGridParameters
from abm.margin.portfolio.parts import add_sizes, parts_kernel
from abm.margin.portfolio.plan import Plan, plan_of
from abm.margin.portfolio.sensitivity import gross_kernel, slope_kernel, steepest
from abm.margin.portfolio.slopes import slope_series
from abm.margin.state import Series

__all__ = ["ScenarioGrid"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class ScenarioGrid(Engine):
    """Portfolio margin; `plan` is what it knows of its markets.

    Reads of the state: index and its confidence, the perpetuals' and the collaterals' confidences, the settlement
    asset's price, and the option series.  Series are on a market of theirs; their forwards are as the state has them.
    """

    Parameters = ScenarioGridParameters
    options = True

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._last: tuple[Series, NDArray[np.bool_], Board] | None = None  # a block asks often for the same

    @classmethod
    def build(cls, parameters: ScenarioGridParameters, markets: Sequence[str], coins: Sequence[str]) -> Self:
        """The engine of a preset."""
        return cls(plan_of(parameters, markets, coins))

    def board(self, ledger: Ledger, terms: Terms, rows: Ints) -> Board:
        """What one option of each series that some rows hold is worth in every scenario."""
        series = terms.known.series
        used = series_used(rows, ledger.leg_series, len(series))
        last = self._last
        if last is None or last[0] is not series or not np.array_equal(last[1], used):
            last = self._last = series, used, board_of(self.plan, series, used)
        return last[2]

    def _value(self, ledger: Ledger, terms: Terms, rows: Ints) -> tuple[Floats, Ints, Ints]:
        """The kernel's result, the worst scenarios and the worst joint ones."""
        rows = np.asarray(rows, np.int64)
        board, numbers = self.board(ledger, terms, rows), numbers_of(self.plan, terms)
        worst, joint = np.zeros((len(rows), len(self.plan.names)), np.int64), np.zeros((len(rows), 2), np.int64)
        room = scratch_for(board, numbers)
        return margin_kernel(rows, book_of(ledger), board, numbers, room, worst, joint), worst, joint

    def assess(self, ledger: Ledger, terms: Terms, rows: Ints) -> Assessment:
        """Equity, margin equity, initial and maintenance margin, notional."""
        return Assessment(*self._value(ledger, terms, rows)[0])

    def worst(self, ledger: Ledger, terms: Terms, rows: Ints) -> tuple[Ints, Ints]:
        """int64[rows, U] and int64[rows, 2]: the worst scenario of each underlying, and the worst joint ones, initial and
        maintenance, by their number in the grid; its width stands for the basis contingency."""
        _, worst, joint = self._value(ledger, terms, rows)
        return worst, joint

    def free_margin(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows]: free margin; +inf where an account cannot breach."""
        rows = np.asarray(rows, np.int64)
        free = self.assess(ledger, terms, rows).free_margin
        return np.where(safe_rows(rows, book_of(ledger)), np.inf, free)

    def gross_sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """+inf for accounts with options, whose volatilities and time no distance of prices bounds; for others
        sum of |size| (price (1 + steepest) + spot * mm_perp) and of value * (1 + haircut + steepest)."""
        rows = np.asarray(rows, np.int64)
        board, numbers = board_of(self.plan, Series.none(), np.zeros(0, np.bool_)), numbers_of(self.plan, terms)
        return np.asarray(gross_kernel(rows, book_of(ledger), numbers, *steepest(self.plan, numbers, board)))

    def slopes(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows, M]: change of free margin per relative move of each market's price, with the forwards and the spot
        that move with it."""
        return self._slopes(ledger, terms, np.asarray(rows, np.int64))[0]

    def _slopes(self, ledger: Ledger, terms: Terms, rows: Ints) -> tuple[Floats, Floats]:
        """The slopes, and float64[rows, K + L + H] the lines' derivatives of the loss."""
        series, board, numbers = terms.known.series, self.board(ledger, terms, rows), numbers_of(self.plan, terms)
        slope = in_scenarios(slope_series, self.plan, series, series_used(rows, ledger.leg_series, len(series)))
        book, room = book_of(ledger), scratch_for(board, numbers)
        part = parts_kernel(rows, book, slope, board, numbers, numbers.rates.mm_factor, room)
        found = slope_kernel(rows, book, slope, board, numbers, part, series.underlying, self.plan.reference)
        return np.asarray(found), part

    def sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Sensitivity:
        """The slope of its market in each slot (those of markets in which only options are held are in `slopes` alone);
        of collateral what counts of it, less haircut and part of the loss."""
        rows = np.asarray(rows, np.int64)
        slopes, part = self._slopes(ledger, terms, rows)
        market, numbers = ledger.slot_market[rows].astype(np.int64), numbers_of(self.plan, terms)
        price = np.take_along_axis(slopes, np.maximum(market, 0), axis=1) / terms.price[np.maximum(market, 0)]
        value = ledger.coins[rows] * numbers.coin_price
        counted = np.where(value > 0.0, value * numbers.coin_factor, value)
        coin = counted - np.abs(counted) * numbers.mm_haircut - part[:, part.shape[1] - value.shape[1] :]
        return Sensitivity(np.where(market >= 0, price, 0.0), coin / terms.coin_price)

    def _parts(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows, K + L + H]: each line's part of the maintenance margin; they add up to it."""
        rows = np.asarray(rows, np.int64)
        board, numbers = self.board(ledger, terms, rows), numbers_of(self.plan, terms)
        book, room = book_of(ledger), scratch_for(board, numbers)
        part = parts_kernel(rows, book, board.unit, board, numbers, numbers.rates.mm_factor, room)
        add_sizes(rows, book, board, numbers, part)
        return np.asarray(part)

    def requirement(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """Each position's loss in the scenarios that count, times their factor, and its contingency: below zero where it
        hedges.  With those of options and moving collateral they add up to the maintenance margin."""
        return self._parts(ledger, terms, rows)[:, : ledger.slot_market.shape[1]]

    def bankruptcy_price(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """As of all engines, the shares of equity being those of all things that add to the requirement; a position that
        hedges has none."""
        part = np.maximum(self._parts(ledger, terms, rows), 0.0)
        total = part.sum(axis=1, keepdims=True)
        share = np.divide(part, total, out=np.zeros_like(part), where=total > 0.0)[:, : ledger.slot_market.shape[1]]
        equity = self.assess(ledger, terms, rows).equity[:, None]
        held = (ledger.slot_market[rows] >= 0) & (ledger.slot_size[rows] != 0.0)
        price = np.append(terms.price, np.nan)[ledger.slot_market[rows]]
        return np.asarray(price - share * equity / np.where(held, ledger.slot_size[rows], np.nan))

    def explain(self, ledger: Ledger, terms: Terms, row: int) -> tuple[Part, ...]:
        """Cash; each thing with its worth and its part of the loss in the worst scenarios; contingencies by kind."""
        return tuple(parts(self, ledger, terms, row))

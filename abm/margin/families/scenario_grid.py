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
from abm.margin.portfolio.board import Board, board_of, series_used
from abm.margin.portfolio.book import Numbers, book_of, numbers_of
from abm.margin.portfolio.holdings import scratch_for
from abm.margin.portfolio.kernel import margin_kernel, safe_rows
from abm.margin.portfolio.parameters import ScenarioGridParameters
from abm.margin.portfolio.plan import Plan, plan_of

__all__ = ["ScenarioGrid"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class ScenarioGrid(Engine):
    """Portfolio margin; `plan` is what it knows of its markets.

    Reads of the state: index and its confidence, the perpetuals' and the collaterals' confidences, the settlement
    asset's price, and the option series.  Series are on a market of theirs; their forwards are as the state has them.
    """

    Parameters = ScenarioGridParameters

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @classmethod
    def build(cls, parameters: ScenarioGridParameters, markets: Sequence[str], coins: Sequence[str]) -> Self:
        """The engine of a preset."""
        return cls(plan_of(parameters, markets, coins))

    def board(self, ledger: Ledger, terms: Terms, rows: Ints) -> Board:
        """What one option of each series that some rows hold is worth in every scenario."""
        series = terms.known.series
        return board_of(self.plan, series, series_used(rows, ledger.leg_series, len(series)))

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
        raise NotImplementedError

    def sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Sensitivity:
        raise NotImplementedError

    def requirement(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        raise NotImplementedError

    def explain(self, ledger: Ledger, terms: Terms, row: int) -> tuple[Part, ...]:
        raise NotImplementedError

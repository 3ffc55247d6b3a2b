"""Why an account needs what it needs: every line in every scenario, and what each thing contributes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abm.ledger import Ledger
from abm.margin.engine import Part, Terms
from abm.margin.portfolio.board import BASE, Board
from abm.margin.portfolio.book import Numbers, book_of, numbers_of
from abm.margin.portfolio.contingencies import doubt, naked
from abm.margin.portfolio.holdings import scratch_for
from abm.margin.portfolio.lines import Line, lines_of, profit_matrix
from abm.margin.portfolio.parts import parts_kernel

if TYPE_CHECKING:
    from abm.margin.families.scenario_grid import ScenarioGrid

__all__ = ["parts", "scenario_table"]

Floats = NDArray[np.float64]

SCHEMA = {
    "underlying": pl.String, "set": pl.String, "scenario": pl.Int64, "spot": pl.Float64, "vol": pl.String,
    "dampening": pl.Float64, "worst": pl.Boolean, "kind": pl.String, "index": pl.Int64, "line": pl.String,
    "size": pl.Float64, "profit": pl.Float64,
}  # fmt: skip


def scenario_table(engine: "ScenarioGrid", ledger: Ledger, terms: Terms, row: int) -> pl.DataFrame:
    """Profit of every line of an account in every scenario of its underlying, in the settlement asset.

    Columns: `underlying`; `set`, own or joint; `scenario`, its number in the set; `spot`, `vol` and `dampening`, the last of
    each set being the basis contingency (`vol` is "basis", `spot` is null); `worst`, whether the maintenance requirement is
    from it; `kind`, `index`, `line` (its name) and `size` of a position, option, collateral or debt; `profit`.
    """
    plan, rows = engine.plan, np.array([row])
    board, numbers = engine.board(ledger, terms, rows), numbers_of(plan, terms)
    matrix = profit_matrix(ledger, board, numbers, row)
    worst, joint = engine.worst(ledger, terms, rows)
    last = matrix.shape[1] - 1
    records = []
    for line in lines_of(plan, ledger, terms, row):
        if line.underlying < 0:
            continue
        own = plan.scenarios[line.underlying]
        sets = [("own", own, 0, worst[0, line.underlying])]
        if plan.offset > 0.0:
            sets.append(("joint", plan.joint[line.underlying], plan.own, joint[0, 1]))
        for name, scenarios, first, bad in sets:
            told = [(*s, first + at) for at, s in enumerate(scenarios)] + [(None, "basis", 1.0, last)]
            for at, (spot, vol, dampening, column) in enumerate(told):
                records.append(
                    (plan.names[line.underlying], name, at, spot, vol, dampening, bool(bad == column), line.kind,
                     line.asset, line.name, line.size, float(matrix[line.number, column]))
                )  # fmt: skip
    return pl.DataFrame(records, schema=SCHEMA, orient="row")


def parts(engine: "ScenarioGrid", ledger: Ledger, terms: Terms, row: int) -> Iterator[Part]:
    """Cash; each line with its worth and its part of the loss; contingencies.  They add up to the assessment."""
    plan, rows, book = engine.plan, np.array([row]), book_of(ledger)
    board, numbers = engine.board(ledger, terms, rows), numbers_of(plan, terms)
    room = scratch_for(board, numbers)
    im, mm = (
        parts_kernel(rows, book, board.unit, board, numbers, factor, room)[0]
        for factor in (numbers.rates.im_factor, numbers.rates.mm_factor)
    )
    slots = np.flatnonzero(ledger.slot_market[row] >= 0)
    paid = ledger.entry_values(rows)[0, slots]
    cash = float(ledger.quote[row] + paid.sum())
    yield Part("cash", -1, cash, cash, 0.0, 0.0)
    lines = lines_of(plan, ledger, terms, row)
    for line in lines:
        loss_im, loss_mm = float(im[line.number]), float(mm[line.number])
        if line.kind == "position":
            at = line.number
            entered = ledger.slot_entry[row, at] - ledger.slot_funding[row, at]
            worth = float(line.size * (numbers.net[line.asset] - entered))
            yield Part("position", line.asset, worth, worth, loss_im, loss_mm)
        elif line.kind == "option":
            worth = float(line.size * board.unit[line.asset, BASE])
            yield Part("option", line.asset, worth, worth, loss_im, loss_mm)
        else:
            yield _collateral(line, numbers, loss_im, loss_mm)
    yield from _contingencies(engine, lines, board, numbers)


def _collateral(line: Line, numbers: Numbers, loss_im: float, loss_mm: float) -> Part:
    """A collateral or a debt after haircuts, the initial one in its initial margin."""
    h = line.asset
    worth = float(line.size * numbers.coin_price[h])
    margin = worth * float(numbers.coin_factor[h]) if worth > 0.0 else worth
    after = margin - abs(margin) * float(numbers.mm_haircut[h])
    initial = loss_im + abs(margin) * float(numbers.im_haircut[h])
    return Part("collateral" if worth > 0.0 else "debt", h, worth, after, initial, loss_mm)


def _contingencies(engine: "ScenarioGrid", lines: list[Line], board: Board, numbers: Numbers) -> Iterator[Part]:
    """What is added for size, naked short options and doubtful feeds, where it is anything."""
    for u, name in enumerate(engine.plan.names):
        held = [x for x in lines if x.underlying == u and x.kind == "position" and x.size]
        legs = [x for x in lines if x.underlying == u and x.kind == "option" and x.size]
        unit = float(numbers.spot[u] * numbers.scale[u])
        size = unit * sum(abs(x.size) for x in held)
        rates = numbers.rates
        yield from _added(size, rates.im_perp[u], rates.mm_perp[u], f"size of {name} positions")
        net: dict[int, float] = {}
        for x in legs:
            strike = int(board.strike[x.asset])
            net[strike] = net.get(strike, 0.0) + x.size
        short = unit * sum(naked(n) for n in net.values())
        yield from _added(short, rates.im_option[u], rates.mm_option[u], f"naked short {name} options")
        sure = min([float(numbers.spot_confidence[u]), *(float(numbers.confidence[x.asset]) for x in held)])
        total = size * doubt(sure, numbers.threshold, numbers.doubt_rate)
        for e in dict.fromkeys(int(board.expiry[x.asset]) for x in legs):
            mine = [x for x in legs if board.expiry[x.asset] == e]
            least = min([sure, *(float(board.confidence[x.asset]) for x in mine)])
            gross = unit * sum(abs(x.size) for x in mine)
            total += gross * doubt(least, numbers.threshold, numbers.doubt_rate)
        yield from _added(total, 1.0, 0.0, f"doubtful {name} feeds")
    yield from _added(_doubtful_collateral(lines, numbers), 1.0, 0.0, "doubtful collateral feeds")


def _added(base: float, im: float, mm: float, note: str) -> Iterator[Part]:
    """A contingency, where there is one."""
    if base * (im + mm) > 0.0:
        yield Part("contingency", -1, 0.0, 0.0, base * float(im + mm), base * float(mm), note)


def _doubtful_collateral(lines: list[Line], numbers: Numbers) -> float:
    """Initial margin for collateral whose feed, or the spot of what the account is in, is doubtful."""
    inside = {x.underlying for x in lines if x.underlying >= 0 and x.size} or set(range(len(numbers.spot)))
    spot = min([1.0, *(float(numbers.spot_confidence[u]) for u in inside)])
    total = 0.0
    for line in lines:
        if line.kind in ("collateral", "debt"):
            worth = abs(line.size) * float(numbers.coin_price[line.asset])
            counted = worth * (float(numbers.coin_factor[line.asset]) if line.size > 0.0 else 1.0)
            sure = min(spot, float(numbers.coin_confidence[line.asset]))
            total += counted * doubt(sure, numbers.threshold, numbers.doubt_rate)
    return total

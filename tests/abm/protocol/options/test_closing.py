import numpy as np
import pytest

from abm.option_legs import legs_of, option_size
from abm.protocol.block import in_breach, run_block
from abm.protocol.options.closing import close_portfolios, without_options
from abm.protocol.options.trading import open_options
from tests.abm.protocol.options.worlds import Desk

CALL, PUT, FAR = 4, 5, 8


def writer(liquidation: dict[str, object] | None = None, deposit: float = 16_000.0) -> tuple[Desk, int]:
    """Short a straddle, and long half as many coins."""
    change = {f"protocols.harbor.liquidation.{k}": v for k, v in (liquidation or {}).items()}
    desk = Desk(change={"protocols.harbor.liquidation.penalty": 0.002} | change)
    row, p = desk.account("w", deposit), desk.protocol
    open_options(p, np.array([row, row]), np.array([CALL, PUT]), np.array([-1.0, -1.0]))
    street = np.array([row, p.street])
    p.ledger.trade(street, np.zeros(2, np.int64), np.array([0.5, -0.5]), np.full(2, 50_000.0), p.funding, 0.0)
    return desk, row


def test_a_share_of_everything_is_closed_that_restores_the_account() -> None:
    desk, row = writer({"target": 0.1, "least": 0.0})
    p = desk.protocol
    desk.move(60.0, btc=42_000.0)
    assert p.engine.free_margin(p.ledger, p.terms, np.array([row]))[0] < 0.0
    equity = desk.equity(row)[0]
    share = float(close_portfolios(p, np.array([row]))[0])
    assert 0.0 < share < 1.0
    sizes = [option_size(p.ledger, row, s) for s in (CALL, PUT)]
    assert sizes == pytest.approx([share - 1.0, share - 1.0])
    assert p.ledger.held(row, 0) == pytest.approx(0.5 * (1.0 - share))
    view = p.engine.assess(p.ledger, p.terms, np.array([row]))
    assert view.free_margin[0] == pytest.approx(0.1 * view.mm[0], abs=0.02 * view.mm[0])
    assert desk.equity(row)[0] < equity
    desk.audit()


def test_the_penalty_is_on_the_notional_of_what_was_closed() -> None:
    desk, row = writer({"policy": "whole"}, deposit=25_000.0)
    p = desk.protocol
    desk.move(60.0, btc=42_000.0)
    fund = p.fund
    close_portfolios(p, np.array([row]))
    assert p.fund - fund == pytest.approx(0.002 * 42_000.0 * 2.5)
    rows = desk.world.log.frame("liquidations")
    assert rows["penalty"].sum() == pytest.approx(p.fund - fund)
    assert sorted(rows["market"].to_list()) == [
        "BTC-20251010T030000-50000-C", "BTC-20251010T030000-50000-P", "BTC-PERP",
    ]  # fmt: skip
    assert rows["quantity"].to_list() == [1.0, 1.0, -0.5]


def test_the_block_closes_them_whatever_the_route_and_keepers_have_no_part_in_it() -> None:
    desk, row = writer({"route": "keeper", "target": 0.1})
    p = desk.protocol
    desk.move(60.0, btc=42_000.0)
    run_block(p, desk.world.episodes)
    assert desk.world.log.frame("breaches")["account"].to_list() == [p.ledger.id[row]]
    assert option_size(p.ledger, row, PUT) > -1.0
    assert p.engine.free_margin(p.ledger, p.terms, np.array([row]))[0] >= 0.0
    assert without_options(p, np.array([row])).tolist() == []
    assert in_breach(p, p.ledger.id[[row]]).tolist() == []
    assert row not in p.liquidatable
    desk.audit()


def test_an_account_that_is_worth_nothing_is_closed_whole_and_its_debt_covered() -> None:
    desk, row = writer({"route": "keeper", "fund": 1e5}, deposit=16_000.0)
    p = desk.protocol
    desk.move(60.0, btc=25_000.0)
    assert desk.equity(row)[0] < 0.0
    run_block(p, desk.world.episodes)
    assert len(legs_of(p.ledger, np.array([row]))[0]) == 0
    assert not p.ledger.holds(np.array([row]))[0]
    assert p.ledger.quote[row] == 0.0
    assert sum(p.deficits.values()) > 0.0
    desk.audit()


def test_the_breach_of_an_account_with_options_is_split_as_any_other() -> None:
    desk, _ = writer({"target": 0.1})
    p = desk.protocol
    desk.move(1.0)
    run_block(p, desk.world.episodes)
    desk.move(60.0, btc=42_000.0)
    run_block(p, desk.world.episodes)
    breach = desk.world.log.frame("breaches").to_dicts()[0]
    exposures = desk.world.log.frame("exposures").filter(breach=0)
    priced = (exposures["sensitivity"] * (exposures["price_start"] - exposures["price_end"])).sum()
    parts = sum(breach[f"{part}_fall"] for part in ("margin", "haircut", "staleness", "funding", "own"))
    assert priced + parts == pytest.approx(breach["free_margin_start"] - breach["free_margin"], rel=1e-9)
    assert exposures["price"].to_list() == [0]


def test_long_options_alone_are_closed_too() -> None:
    desk = Desk()
    row, p = desk.account("long", 100.0), desk.protocol
    open_options(p, np.array([row]), np.array([CALL]), np.array([2.0]))
    p.ledger.quote[row] -= 900.0
    p.ledger.quote[p.street] += 900.0
    desk.move(60.0, btc=49_000.0)
    run_block(p, desk.world.episodes)
    assert option_size(p.ledger, row, CALL) < 2.0
    desk.audit()

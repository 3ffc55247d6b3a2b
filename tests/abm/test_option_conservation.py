"""Money, options and causes add up, block by block, in worlds where options are traded, expire and are liquidated."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abm.errors import AuditError
from abm.margin.options.aggregate import sheet
from abm.model import CrossMarginModel, Turn
from abm.option_legs import legs_of
from abm.protocol.options.trading import board_of, cross_options, trade_options
from abm.record import Record
from abm.timetable import on_grid
from tests.abm.protocol.options.worlds import options_model
from tests.abm.test_conservation import causes_add_up, falls_add_up, told_by_events

START, EXPIRY = 28_800.0 - 1_800.0, 1_800.0
"""Opened half an hour before 08:00, so that one expiry is at 1,800 s and the first daily one as well."""


class Gamblers:
    """Accounts that trade options at random every few seconds: against the street, and with each other."""

    def __init__(self, model: CrossMarginModel, seed: int, accounts: int = 5) -> None:
        self.model, self.rng = model, np.random.default_rng(seed)
        self.protocol = model.world.protocols["harbor"]
        self.rows = np.flatnonzero(self.protocol.ordinary())[:accounts]
        self.traded = 0
        self.event = model.schedule_recurring(self.trade, on_grid(START + 5.5, 7.0), priority=Turn.REST)

    def trade(self) -> None:
        p, rng = self.protocol, self.rng
        if 290.0 < self.model.time - START < 500.0:
            return  # asleep when it falls
        self.model.world.tape.enter("alpha", 0, float(self.model.time))
        p.refresh(float(self.model.time))
        n = int(rng.integers(1, 6))
        series = rng.integers(0, len(p.terms.known.series), n)
        got = trade_options(p, rng.choice(self.rows, n), series, rng.choice([-1.0, -0.3, 0.1, 0.7, 2.0], n))
        self.traded += int(np.count_nonzero(got))
        buyer, seller = rng.choice(self.rows, 2, replace=False)
        cross_options(p, int(buyer), int(seller), int(series[0]), float(rng.choice([0.1, 0.5])))


def world(seed: int, move: float, liquidation: dict[str, Any]) -> CrossMarginModel:
    desks = [
        {
            "kind": kind, "name": name, "cadence": 20.0,
            "params": {
                "protocol": "harbor", "market": "BTC", "capital": capital, "measure": "number", "target": 1.0,
                "tenor": 1801.0, "roll": 1800.0, "structure": structure,
            },
        }
        for kind, name, structure, capital in (
            ("option_writer", "a", "straddle", 2.2e4), ("option_writer", "b", "covered_call", 1.6e4),
            ("option_buyer", "c", "straddle", 1.5e4), ("option_buyer", "d", "protective_put", 1.4e4),
            ("option_writer", "e", "strangle", 2e4),
        )
    ]  # fmt: skip
    change = {
        "clock.price_interval": 5.0, "chains.*.interval": 5.0, "venues.bourse.interval": 5.0, "oracles.feed.sampling": 5.0,
        "clock.start": START, "clock.duration": 2_100.0, "seed": seed, "assets.BTC.volatility": 0.8,
        "venues.harbor-book.markets.0.depth": 2e6, "protocols.harbor.liquidation.fund": 200.0,
        "protocols.harbor.liquidation.vault": 0.0,
        **{f"protocols.harbor.liquidation.{key}": value for key, value in liquidation.items()},
    }  # fmt: skip
    shocks = [{"name": "fall", "at": START + 300.0, "over": 20.0, "move": move}]
    return options_model(
        desks, change, free=False, options=[{"expiries": [EXPIRY], "daily": 2, "fee": 0.0003}],
        prices={"shocks": shocks},
    )  # fmt: skip


def options_add_up(model: CrossMarginModel, record: Record) -> None:
    """Legs, cash and expiries, and what every account has by the events alone."""
    assert max(model.audits.values()) < 1e-9
    p = model.world.protocols["harbor"]
    ledger, listing = p.ledger, board_of(p).listing
    quote, size, _ = told_by_events(record)
    ids = ledger.id.tolist()
    gross = 1.0 + np.sum(np.abs(ledger.quote))
    assert [quote[a] for a in ids] == pytest.approx(ledger.quote.tolist(), rel=1e-9, abs=1e-10 * gross)
    held = {
        (int(ledger.id[r]), listing.names[s]): n
        for r, s, n in zip(*legs_of(ledger, np.arange(len(ledger))), strict=True)
    }
    told = {key: n for key, n in size.items() if key[1] in set(listing.names) and abs(n) > 1e-9}
    assert told == pytest.approx(held, rel=1e-9, abs=1e-9)
    settled = record["option_settlements"].group_by("series").agg(pl.col("quantity").sum(), pl.col("amount").sum())
    assert settled["quantity"].abs().max() < 1e-9
    assert settled["amount"].abs().max() < 1e-6
    worth = sheet(p.terms.known.series)[:, 0]
    _, which, sizes = legs_of(ledger, np.arange(len(ledger)))
    assert float(sizes @ worth[which]) == pytest.approx(0.0, abs=1e-9 * (1.0 + float(np.abs(sizes) @ worth[which])))


@given(
    seed=st.integers(0, 2**31), move=st.sampled_from([-0.3, -0.12, -0.05, 0.15]),
    route=st.sampled_from(["book", "keeper", "vault"]), policy=st.sampled_from(["partial", "whole"]),
    target=st.sampled_from([0.0, 0.2]),
)  # fmt: skip
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_everything_adds_up(seed: int, move: float, route: str, policy: str, target: float) -> None:
    model = world(seed, move, {"route": route, "policy": policy, "target": target})
    gamblers = Gamblers(model, seed)
    model.run()
    record = model.record()
    options_add_up(model, record)
    if len(record["breaches"]):
        falls_add_up(record)
        causes_add_up(record)
    assert gamblers.traded > 0
    assert len(record["option_settlements"]) > 0


def test_in_a_deep_fall_options_are_closed_and_debts_are_covered() -> None:
    model = world(1, -0.3, {"route": "keeper", "policy": "partial", "target": 0.2})
    gamblers = Gamblers(model, 1)
    model.run()
    record = model.record()
    options_add_up(model, record)
    assert gamblers.traded > 0
    assert set(record["option_trades"]["kind"]) == {"open", "trade", "crossed", "liquidation"}
    falls_add_up(record)
    causes_add_up(record)
    assert record["losses"]["amount"].sum() > 0.0
    assert set(record["liquidations"]["market"]) & set(record["option_series"]["series"])
    assert record.summary["options_liquidated"] > 0.0
    assert record.summary["options_settled"] > 0.0


def test_an_option_out_of_nowhere_stops_the_run_and_is_named() -> None:
    model = world(1, -0.01, {})

    def fault() -> None:
        p = model.world.protocols["harbor"]
        row = int(np.flatnonzero(p.ledger.leg_series[:, 0] >= 0)[0])
        p.ledger.leg_size[row, 0] += 0.5

    event = model.schedule_recurring(fault, on_grid(START + 30.0, 1e9), priority=Turn.REST)
    with pytest.raises(AuditError, match=r"harbor options BTC is off by \S+ of the gross at time 27035.0 s"):
        model.run()
    assert event is not None

"""Money, positions and causes add up, block by block, in worlds where everything that can happen happens."""

import math
from collections import defaultdict
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from abm.contagion.measures import exogenous_check
from abm.errors import AuditError
from abm.model import CrossMarginModel, Turn
from abm.record import Record
from abm.timetable import on_grid
from tests.abm.worlds import Levers, levers, stressed

DEFICIT = ("fund", "vault", "adl", "bad_debt")
"""Layers that make up the deficits of breaches; socialised loss pays bad debt later."""

WORLDS = {
    "keepers, cross": Levers(),
    "book, isolated": Levers(seed=2, mode="isolated", route="book", policy="whole", breach_price="last"),
    "vault": Levers(seed=3, route="vault", vault=2e5, price="previous_mark", breach_price="index"),
    "deleveraged": Levers(
        seed=4, route="vault", waterfall=("adl", "fund", "socialise"), price="previous_mark", rank="pro_rata"
    ),
    "oracle, rising": Levers(seed=5, breach_price="oracle", staleness="full", move=0.2, rank="hedge_aware"),
    "fund does not do": Levers(seed=6, mode="isolated", route="book", trigger="fund_empty", breach_price="last"),
    "nobody pays": Levers(seed=7, route="book", policy="whole", waterfall=(), fund=0.0, vault=0.0),
}


@cache
def ran(name: str) -> tuple[CrossMarginModel, Record]:
    model = stressed(WORLDS[name])
    model.run()
    return model, model.record()


def losses(record: Record, *layers: str) -> float:
    return float(record["losses"].filter(pl.col("layer").is_in(layers))["amount"].sum())


def falls_add_up(record: Record) -> None:
    """free_margin_start - free_margin = sum of sensitivity * fall of price + the named falls."""
    priced = record["exposures"].group_by("breach").agg(
        (pl.col("sensitivity") * (pl.col("price_start") - pl.col("price_end"))).sum().alias("priced")
    )  # fmt: skip
    named = pl.sum_horizontal(f"{part}_fall" for part in ("margin", "haircut", "staleness", "funding", "own"))
    rest = (
        record["breaches"]
        .join(priced, on="breach", how="left")
        .with_columns(
            rest=pl.col("free_margin_start") - pl.col("free_margin") - pl.col("priced").fill_null(0.0) - named,
            gross=1.0 + pl.col("notional") + pl.col("equity").abs(),
        )
    )
    assert (rest["rest"] / rest["gross"]).abs().max() < 1e-9


def causes_add_up(record: Record) -> None:
    """Shares into every breach and every price move sum to one, and news is what prices alone say it is."""
    edges = record["cascade_edges"].filter(pl.col("child_kind") != "liquidation")
    scale = edges.group_by("child_kind", "child").agg(
        pl.col("share").sum(), pl.col("share").abs().sum().alias("gross")
    )  # fmt: skip
    assert len(scale) == len(record["breaches"]) + len(record["price_moves"])
    assert ((scale["share"] - 1.0).abs() / scale["gross"]).max() < 1e-9
    news = (
        record["breaches"]
        .select(child="breach")
        .join(
            edges.filter((pl.col("child_kind") == "breach") & (pl.col("channel") == "news")),
            on="child",
            how="left",
            maintain_order="left",
        )["share"]
        .fill_null(0.0)
        .to_numpy()
    )
    gross = scale.filter(child_kind="breach").sort("child")["gross"].to_numpy()
    assert np.max(np.abs(news - exogenous_check(record)) / gross) < 1e-9


def money_adds_up(model: CrossMarginModel, record: Record) -> None:
    assert max(model.audits.values()) < 1e-9
    ledger = model.world.protocols["harbor"].ledger
    assert np.all(np.abs(ledger.errors()) < 1e-12)
    gross = 1.0 + losses(record, *DEFICIT)
    owed = model.world.protocols["harbor"].bad_debt
    assert losses(record, "bad_debt") - losses(record, "socialise") == pytest.approx(-owed, abs=1e-9 * gross)
    deficits_are_paid(record)


def deficits_are_paid(record: Record) -> None:
    """What was missing on each breach's account is what the layers paid for it, breach by breach.

    A vault that was rescued owes for no breach of its own (-1), and what winners gave or got beyond what was missing
    is no deficit.
    """
    paid = record["losses"].filter(pl.col("layer").is_in(DEFICIT)).group_by("breach").agg(pl.col("amount").sum())
    both = record["breaches"].select("breach", "deficit").join(paid, on="breach", how="left", maintain_order="left")
    assert both["deficit"].min() >= 0.0
    assert both["deficit"].to_numpy() == pytest.approx(both["amount"].fill_null(0.0).to_numpy(), rel=1e-9, abs=1e-6)


TRADES = ("open", "trade", "other_side", "adl", "handed_over", "moved", "expired")
"""Events that change a position or a leg, at their price."""

NOTICES = ("queued", "unqueued")
"""Events that tell of a claim, and book nothing."""


def told_by_events(
    record: Record, protocol: str = "harbor", home: str = "@alpha"
) -> tuple[dict[int, float], dict[tuple[int, str], float], dict[tuple[int, str], float]]:
    """Quote number, size by market, and coins by asset, of each account, from the table `events` alone.

    The rule is that of docs/record.md.
    """
    quote: dict[int, float] = defaultdict(float)
    size: dict[tuple[int, str], float] = defaultdict(float)
    coins: dict[tuple[int, str], float] = defaultdict(float)
    funding: dict[str, float] = defaultdict(float)
    columns = record["events"].filter(protocol=protocol).select("kind", "account", "market", "asset", "amount", "price")
    for kind, account, market, asset, amount, price in columns.iter_rows():
        if kind == "funding":
            funding[market] += amount
        elif kind in TRADES:
            size[account, market] += amount
            quote[account] -= amount * (price - funding[market])
        elif account < 0 or kind in NOTICES:
            continue
        elif "@" not in asset:
            quote[account] += amount
        elif kind != "deposit" or asset.endswith(home):  # what is deposited elsewhere counts when it is credited
            coins[account, asset] += amount
    return quote, size, coins


def events_tell_all(model: CrossMarginModel, record: Record, protocol: str = "harbor") -> None:
    """What accounts of a protocol have at the end follows from the events."""
    p = model.world.protocols[protocol]
    ledger = p.ledger
    quote, size, coins = told_by_events(record, protocol, f"@{p.chain}")
    ids = ledger.id.tolist()
    gross = 1.0 + np.sum(np.abs(ledger.quote))
    assert [quote[a] for a in ids] == pytest.approx(ledger.quote.tolist(), rel=1e-9, abs=1e-10 * gross)
    for m, market in enumerate(p.markets):
        held = ledger.size(np.arange(len(ledger)), m).tolist()
        assert [size[a, market] for a in ids] == pytest.approx(held, rel=1e-9, abs=1e-9)
    for h in range(len(p.collaterals)):
        told = [coins[a, p.asset_name(h)] for a in ids]
        assert told == pytest.approx(ledger.coins[:, h].tolist(), rel=1e-9, abs=1e-6)


class TestKnownWorlds:
    @pytest.mark.parametrize("name", WORLDS)
    def test_money_and_positions_add_up_after_every_block(self, name: str) -> None:
        model, record = ran(name)
        assert len(record["breaches"]) > 20
        money_adds_up(model, record)

    @pytest.mark.parametrize("name", WORLDS)
    def test_what_every_account_has_follows_from_the_events(self, name: str) -> None:
        events_tell_all(*ran(name))

    @pytest.mark.parametrize("name", WORLDS)
    def test_every_fall_is_the_sum_of_its_parts(self, name: str) -> None:
        falls_add_up(ran(name)[1])

    @pytest.mark.parametrize("name", WORLDS)
    def test_every_share_has_a_cause(self, name: str) -> None:
        causes_add_up(ran(name)[1])

    def test_between_them_everything_happens_that_can(self) -> None:
        happened: set[str] = set()
        for name in WORLDS:
            record = ran(name)[1]
            happened |= {f"{route} executes" for route in record["liquidations"]["route"].unique()}
            happened |= {f"{layer} pays" for layer in record["losses"]["layer"].unique()}
            happened |= set(record["events"]["kind"].unique())
            happened |= {f"by {channel}" for channel in record["cascade_edges"]["channel"].unique()}
            happened |= {"generations"} if record["breaches"]["generation"].max() > 0 else set()
        assert happened >= {
            "book executes", "keeper executes", "vault executes", "adl executes", "fund pays", "vault pays",
            "adl pays", "socialise pays", "bad_debt pays", "funding", "penalty", "reward", "seized", "settled",
            "vault_takeover", "socialised", "deposit", "by impact", "by news", "by funding", "by staleness",
            "by depth", "by trades", "generations", "open", "trade", "other_side", "fee", "adl", "handed_over",
            "proceeds", "credit", "loss_fund", "loss_vault", "loss_bad_debt", "street_call",
        }  # fmt: skip


class TestRandomWorlds:
    @given(at=levers())
    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_everything_adds_up(self, at: Levers) -> None:
        model = stressed(at)
        model.run()
        record = model.record()
        money_adds_up(model, record)
        events_tell_all(model, record)
        falls_add_up(record)
        causes_add_up(record)


class Governor:
    """Raises a maintenance fraction and a haircut in the middle of the fall."""

    def __init__(self, model: CrossMarginModel) -> None:
        self.harbor = model.world.protocols["harbor"]
        self.event = model.schedule_recurring(self.decide, on_grid(28.0, 1e9), priority=Turn.REST)

    def decide(self) -> None:
        self.harbor.margin_scale[1] = 1.6
        self.harbor.haircut[0] = 0.35


@pytest.mark.parametrize("breach_price", ["mark", "oracle"])
def test_rules_that_change_in_the_middle_have_their_share_and_all_adds_up(breach_price: str) -> None:
    model = stressed(Levers(seed=21, breach_price=breach_price, move=-0.1))
    governor = Governor(model)
    model.run()
    record = model.record()
    money_adds_up(model, record)
    falls_add_up(record)
    causes_add_up(record)
    channels = set(record["cascade_edges"]["channel"].unique())
    assert channels >= {"margin", "haircut", "news"}
    assert governor.harbor.terms.mmf[1] == pytest.approx(0.048)


@pytest.mark.parametrize("breach_price", ["mark", "oracle", "last"])
def test_where_trades_move_no_price_nobody_causes_anybody(breach_price: str) -> None:
    model = stressed(Levers(seed=31, breach_price=breach_price, impact=False))
    model.run()
    record = model.record()
    money_adds_up(model, record)
    causes_add_up(record)
    assert len(record["liquidations"]) > 50
    assert record["price_moves"].is_empty()
    assert record["liquidations"]["move"].unique().to_list() == [-1]
    assert record.summary["endogenous_share"] == 0.0
    assert record["breaches"]["generation"].unique().to_list() == [0]
    into = record["cascade_edges"].filter(pl.col("child_kind") == "breach")
    assert set(into["channel"].unique()) <= {"news", "funding", "staleness", "own"}
    assert record["markets"].filter(pl.col("last") != pl.col("exogenous")).is_empty()


class Fault:
    """Adds a coin by hand at a moment."""

    def __init__(self, model: CrossMarginModel, what: str, at: float) -> None:
        self.model, self.what = model, what
        self.event = model.schedule_recurring(self.strike, on_grid(at, 1e9), priority=Turn.REST)

    def strike(self) -> None:
        world = self.model.world
        harbor = world.protocols["harbor"]
        if self.what == "token":
            world.treasury.balance[0, world.treasury.token("ETH", "beta")] += 1.0
        elif self.what == "quote":
            harbor.ledger.quote[5] += 1.0
        elif self.what == "bridge":
            world.bridges["span"].locked += 100.0
        elif self.what == "nan":
            harbor.ledger.quote[5] = math.nan
        else:
            harbor.ledger.slot_size[5, 0] += 0.5


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("token", r"token ETH@beta is off by 1 of the gross at time 31.0 s, chain 'alpha', block 31; last event \[\("),
        ("quote", r"harbor cash USDC is off by \S+ of the gross at time 31.0 s, chain 'alpha', block 31"),
        ("bridge", r"bridge span is off by -\S+ of the gross at time 31.0 s, chain 'alpha', block 31"),
        (
            "position",
            r"harbor positions (BTC|ETH)-PERP is off by \S+ of the gross at time 31.0 s, chain 'alpha', block 31",
        ),
        ("nan", r"harbor cash USDC is off by nan of the gross at time 31.0 s"),
    ],
)
def test_a_coin_out_of_nowhere_stops_the_run_in_the_next_block_and_is_named(what: str, message: str) -> None:
    model = stressed(Levers(move=-0.01))
    fault = Fault(model, what, 30.0)
    with pytest.raises(AuditError, match=message):
        model.run()
    assert fault.model.time == 31.0


def test_the_audit_at_intervals_finds_it_at_the_next_one() -> None:
    model = stressed(Levers(move=-0.01), audit={"interval": 25.0})
    fault = Fault(model, "token", 30.0)
    with pytest.raises(AuditError, match=r"token ETH@beta is off by 1 of the gross at time 50.0 s"):
        model.run()
    assert fault.what == "token"

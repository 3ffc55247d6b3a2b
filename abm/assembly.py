"""From a running world to a record: samples, the tables that describe sources, the summary, the manifest."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from typing import Protocol as Structural

import numpy as np
import polars as pl

from abm.contagion.attribution import Attribution, attribute, complete
from abm.contagion.summary import cascade_summary
from abm.events import Log
from abm.ledger import MODES
from abm.option_samples import option_summary
from abm.oracles.aggregation import terms as oracle_terms
from abm.protocol.protocol import Protocol
from abm.protocol.requirements import requirement_summary
from abm.record import SCHEMA_VERSION, Record
from abm.tables import TABLES
from abm.world import World

if TYPE_CHECKING:
    from abm.model import CrossMarginModel

__all__ = [
    "NOT_SUMMARISED",
    "Inhabitant",
    "assemble",
    "sample_accounts",
    "sample_agents",
    "sample_collateral",
    "sample_markets",
    "sample_positions",
    "sample_protocols",
    "summarise",
]

NOT_SUMMARISED = (
    "events", "accounts", "positions", "agents", "protocols", "collateral", "option_series", "option_marks", "greeks",
)  # fmt: skip
"""Tables from which nothing in a summary comes."""

PACKAGES = ("crossfire-risk", "mesa", "numpy", "numba", "polars", "networkx", "scipy", "ray")


class Inhabitant(Structural):
    """What the world asks of an inhabitant when it looks: who it is, what it owns, what it has done."""

    kind: str
    name: str
    owner: int
    actions: int

    def wealth(self) -> float:
        """Wallets and equity, USD."""

    def received(self) -> float:
        """What came from outside since the opening, USD."""


def sample_markets(world: World) -> None:
    """A row of `markets` for each market of each protocol and each spot book."""
    time, books = world.now, world.books
    for protocol in world.protocols.values():
        at = protocol.books
        n = len(at)
        world.log.rows(
            "markets", n, time=time, protocol=protocol.name, market=list(protocol.markets), venue=protocol.spec.venue,
            last=books.last[at], mark=protocol.marks.mark.copy(), index=protocol.marks.index.copy(),
            oracle=protocol.feed.price[protocol.market_feed], exogenous=books.exogenous[at], depth=books.depth[at],
            open_interest=protocol.ledger.long_interest * protocol.marks.mark, funding=protocol.funding.copy(),
        )  # fmt: skip
    spot = np.array([i for i, b in enumerate(books.names) if b.kind != "perp"], dtype=np.int64)
    last = books.last[spot]
    world.log.rows(
        "markets", len(spot), time=time, protocol="", market=[books.names[i].market for i in spot],
        venue=[books.names[i].venue for i in spot], last=last, mark=last, index=last, oracle=last,
        exogenous=books.exogenous[spot], depth=books.depth[spot], open_interest=0.0, funding=0.0,
    )  # fmt: skip


def sample_protocols(world: World) -> None:
    """A row of `protocols` for each protocol."""
    for p in world.protocols.values():
        vault = float(p.engine.assess(p.ledger, p.terms, np.array([p.vault])).equity[0])
        cash = float(p.treasury.balance[p.holder, p.cash_token])
        queued = float(sum(amount for _, amount in p.queue))
        world.log.row(
            "protocols", world.now, p.name, p.fund, vault, p.fees, 0.0 - p.bad_debt, cash, queued, p.remote.in_transit
        )  # fmt: skip


def sample_accounts(world: World, protocol: Protocol) -> None:
    """A row of `accounts` for each sub-account, in order of id."""
    ledger = protocol.ledger
    rows = ledger.by_id(np.arange(len(ledger)))
    view = protocol.engine.assess(ledger, protocol.terms, rows)
    health = np.divide(view.margin_equity, view.mm, out=np.full(len(rows), np.nan), where=view.mm > 0)
    world.log.rows(
        "accounts", len(rows), time=world.now, protocol=protocol.name, account=ledger.id[rows],
        owner=ledger.owner[rows], cohort=[world.cohorts[c] for c in ledger.cohort[rows]],
        mode=[MODES[m] for m in ledger.mode[rows]], positions=(ledger.slot_market[rows] >= 0).sum(axis=1),
        notional=view.notional, equity=view.equity, margin_equity=view.margin_equity, im=view.im, mm=view.mm,
        free_margin=view.free_margin, health=pl.Series(health).fill_nan(None).to_list(),
        deposited=ledger.deposited[rows], wallet=world.treasury.balance[ledger.holder[rows]][:, _cash(world)].sum(axis=1),
    )  # fmt: skip


def _cash(world: World) -> list[int]:
    """Columns of the settlement asset, wherever it lies."""
    return [i for i, (asset, _) in enumerate(world.treasury.tokens) if asset == world.settlement]


def sample_collateral(world: World, protocol: Protocol) -> None:
    """A row of `collateral` for each coin of each sub-account that holds any, in order of account and coin."""
    ledger, terms = protocol.ledger, protocol.terms
    pending = np.zeros(ledger.coins.shape)
    for ids, amounts, h in protocol.remote.announced():
        np.add.at(pending[:, h], ledger.rows(ids), amounts)
    rows = ledger.by_id(np.arange(len(ledger)))
    i, h = np.nonzero((ledger.coins[rows] != 0.0) | (pending[rows] != 0.0))
    row = rows[i]
    world.log.rows(
        "collateral", len(row), time=world.now, protocol=protocol.name, account=ledger.id[row],
        asset=[protocol.collaterals[c][0] for c in h], chain=[protocol.collaterals[c][1] for c in h],
        amount=ledger.coins[row, h], pending=pending[row, h], price=terms.coin_price[h], haircut=terms.haircut[h],
    )  # fmt: skip


def sample_positions(world: World, protocol: Protocol) -> None:
    """A row of `positions` for each open position, in order of account and market."""
    ledger = protocol.ledger
    row, slot = np.nonzero(ledger.slot_market >= 0)
    market = ledger.slot_market[row, slot].astype(np.int64)
    order = np.lexsort((market, ledger.id[row]))
    row, slot, market = row[order], slot[order], market[order]
    size, entry, price = ledger.slot_size[row, slot], ledger.slot_entry[row, slot], protocol.terms.price[market]
    world.log.rows(
        "positions", len(row), time=world.now, protocol=protocol.name, account=ledger.id[row],
        market=[protocol.markets[m] for m in market], size=size, entry=entry, price=price,
        profit=size * (price - entry),
    )  # fmt: skip


def sample_agents(world: World, inhabitants: list[Inhabitant]) -> None:
    """A row of `agents` for each inhabitant, in order of name."""
    for agent in sorted(inhabitants, key=lambda a: a.name):
        wealth = agent.wealth()
        opened = world.opening.setdefault(agent.name, wealth - agent.received())
        world.log.row(
            "agents", world.now, agent.owner, agent.kind, agent.name, wealth, wealth - opened - agent.received(),
            agent.actions,
        )  # fmt: skip


def assemble(model: CrossMarginModel) -> Record:
    """The record of a run that has ended, its cascade traced.

    Raises
    ------
    RuntimeError
        Tables of the log were dropped.
    """
    if model.world.log.dropped:
        raise RuntimeError("tables of this run were dropped: it has a summary and no record")
    record = _logged(model)
    done = attribute(record)
    record = complete(record, done)
    return replace(record, summary=_summary(model, record, done), manifest=_manifest(model))


def summarise(model: CrossMarginModel) -> dict[str, Any]:
    """The summary alone of a run that has ended; any of the tables in `NOT_SUMMARISED` may have been dropped.

    Raises
    ------
    RuntimeError
        Another table was dropped.
    """
    needed = sorted(model.world.log.dropped.difference(NOT_SUMMARISED))
    if needed:
        raise RuntimeError(f"dropped tables that a summary needs: {', '.join(needed)}")
    record = _logged(model)
    return _summary(model, record, attribute(record))


def _logged(model: CrossMarginModel) -> Record:
    """The tables as the world has logged them, and those that describe it."""
    world, described = model.world, Log()
    _describe_books(described, world)
    _describe_prices(described, world)
    _describe_bridges(described, world)
    tables = {name: (described if described.counts[name] else world.log).frame(name) for name in TABLES}
    tables["breaches"] = _with_deficits(tables["breaches"], world)
    return Record(model.description, tables)


def _summary(model: CrossMarginModel, record: Record, done: Attribution) -> dict[str, Any]:
    money, cascade = _money_summary(model.world, record.tables), cascade_summary(record, done)
    moved = _margin_summary(model.world, record.tables)
    return money | moved | option_summary(record.tables) | cascade | {"audit_worst": max(model.audits.values())}


def _describe_books(log: Log, world: World) -> None:
    books = world.books
    for i, book in enumerate(books.names):
        live = books.weights[i] > 0
        log.row(
            "books", i, book.venue, book.market, book.asset, book.kind, books.interval,
            books.weights[i][live].tolist(), books.times[i][live].tolist(),
        )  # fmt: skip


def _describe_prices(log: Log, world: World) -> None:
    """`price_sources`: every source that an exposure names, as a sum over books."""
    exposures = world.log.frame("exposures")
    used = pl.concat(
        [exposures.select("price", pl.col(c).alias("code")) for c in ("code_start", "code_end")]
    ).unique().sort("price", "code")  # fmt: skip
    for protocol in world.protocols.values():
        prices = len(protocol.markets) + len(protocol.collaterals)
        own = used.filter(pl.col("price").is_between(protocol.first_price, protocol.first_price + prices - 1))
        for price, code in own.rows():
            _describe_price(log, world, protocol, price, code)


def _describe_price(log: Log, world: World, protocol: Protocol, price: int, code: int) -> None:
    which = price - protocol.first_price
    kind = protocol.spec.breach_price
    if which < len(protocol.markets) and kind != "oracle":
        name = {0: "fair", 1: "last", 2: "peers", 3: "index"}[code]
        marks = protocol.marks
        found = marks.index_terms(which) if code == 3 else marks.terms(which, code)
        for book, weight, ema in found:
            log.row("price_sources", price, protocol.name, protocol.markets[which], kind, code, name, book, weight, ema)
        return
    perp = which < len(protocol.markets)
    asset = int((protocol.market_feed if perp else protocol.coin_feed)[which - (0 if perp else len(protocol.markets))])
    name = protocol.markets[which] if perp else protocol.collaterals[which - len(protocol.markets)][0]
    found_terms = oracle_terms(code, protocol.feed.sources[asset])
    sources = "+".join(world.books.names[b].venue for b, _ in found_terms)
    for book, weight in found_terms:
        log.row("price_sources", price, protocol.name, name, "oracle", code, sources, int(book), float(weight), 0.0)


def _describe_bridges(log: Log, world: World) -> None:
    number = 0
    for name, bridge in world.bridges.items():
        ends = {"target": bridge.spec.target, "source": bridge.spec.source}
        for m in bridge.messages:
            origin = bridge.spec.source if m.to == "target" else bridge.spec.target
            log.row(
                "bridges", number, name, m.kind, m.sent, m.delivered, origin, ends[m.to], bridge.spec.asset, m.amount
            )  # fmt: skip
            number += 1


def _with_deficits(breaches: pl.DataFrame, world: World) -> pl.DataFrame:
    deficit = np.zeros(len(breaches))
    for protocol in world.protocols.values():
        for breach, amount in sorted(protocol.deficits.items()):
            if breach >= 0:
                deficit[breach] += amount
    return breaches.with_columns(pl.Series("deficit", deficit, dtype=pl.Float64))


def _money_summary(world: World, tables: dict[str, pl.DataFrame]) -> dict[str, Any]:
    """Plain figures of what was liquidated, lost and paid (docs/record.md)."""
    protocols = world.protocols.values()
    liquidations, losses, breaches = tables["liquidations"], tables["losses"], tables["breaches"]
    by_route = _totals(liquidations.select("route", usd=pl.col("quantity").abs() * pl.col("price")))
    paid = _totals(losses.filter(pl.col("amount") > 0).select("layer", "amount"))
    opened = _open_interest(tables["markets"], first=True)
    served = liquidations["breach"].n_unique()
    return {
        "breaches": len(breaches),
        "accounts_breached": breaches.select("protocol", "account").n_unique(),
        "owners_breached": breaches["owner"].n_unique(),
        "unserved_breaches": len(breaches) - served,
        "liquidations": len(liquidations),
        "liquidated_notional": float(sum(by_route.values())),
        "liquidated_share": float(sum(by_route.values())) / opened if opened > 0.0 else 0.0,
        **{f"{route}_notional": float(by_route.get(route, 0.0)) for route in ("book", "keeper", "vault", "adl")},
        "penalties": float(liquidations["penalty"].sum()),
        "deficit": float(breaches["deficit"].sum()),
        **{f"{layer}_paid": float(paid.get(layer, 0.0)) for layer in ("fund", "vault", "adl", "socialise")},
        "bad_debt": 0.0 - float(sum(p.bad_debt for p in protocols)),
        "open_interest_start": opened,
        "open_interest_end": _open_interest(tables["markets"], first=False),
        "voluntary_notional": float(sum(world.voluntary.values())),
        "withdrawals_queued": sum(p.queued for p in protocols) - sum(p.struck_off for p in protocols),
    }


def _margin_summary(world: World, tables: dict[str, pl.DataFrame]) -> dict[str, float]:
    """How margins moved, and what part of the falls into breaches that was."""
    breaches, markets = tables["breaches"], tables["markets"]
    first = markets.filter(pl.col("time") == markets["time"].min())
    opened = {(row["protocol"], row["market"]): row["open_interest"] for row in first.iter_rows(named=True)}
    fallen = (breaches["free_margin_start"] - breaches["free_margin"]).to_numpy()
    fall, moved = float(np.sum(np.maximum(fallen, 0.0))), float(np.sum(breaches["margin_fall"].to_numpy()))
    share = {"margin_fall_share": moved / fall if fall > 0.0 else 0.0}
    return requirement_summary(tuple(world.protocols.values()), opened) | share


def _totals(frame: pl.DataFrame) -> dict[str, float]:
    """Sum of the second column by the first, in order of row: a group's own sum may go by threads."""
    found: dict[str, float] = {}
    for key, amount in frame.iter_rows():
        found[key] = found.get(key, 0.0) + amount
    return found


def _open_interest(markets: pl.DataFrame, *, first: bool) -> float:
    when = markets["time"].min() if first else markets["time"].max()
    return float(markets.filter(pl.col("time") == when)["open_interest"].sum())


def _manifest(model: CrossMarginModel) -> dict[str, Any]:
    return {
        "schema": SCHEMA_VERSION,
        "scenario": model.description.name,
        "seed": model.description.seed,
        "versions": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "prices_file": str(model.prices_file) if model.prices_file else None,
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None

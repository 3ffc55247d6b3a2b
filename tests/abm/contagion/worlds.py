"""Small worlds whose prices are simulated by brute force, written as a record.

Every last price is summed move by move, every exponential mean stepped tick by tick; `World.price` can leave moves
out, which is the counterfactual that attribution is held against.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from abm.contagion.attribution import complete
from abm.record import Record
from abm.scenario import Scenario
from abm.tables import TABLES

DEFAULTS: dict[str, dict[str, Any]] = {
    "breaches": {"chain": "main", "block": 0, "round": 0, "protocol": "harbor", "cohort": "retail", "mode": "cross"}
    | {"episode": 0, "equity": 0.0, "notional": 100.0, "generation": 0, "deficit": 0.0},
    "price_moves": {"chain": "main", "block": 0, "round": 1, "venue": "exchange", "volume": 0.0, "depth": 1e6},
    "liquidations": {"chain": "main", "block": 0, "round": 1, "protocol": "harbor", "market": "BTC-PERP"}
    | {"quantity": -1.0, "price": 100.0, "penalty": 0.0, "keeper": "", "route": "book"},
    "books": {"venue": "exchange", "asset": "BTC", "kind": "perp"},
    "price_sources": {"protocol": "harbor", "market": "BTC-PERP", "feed": "mark", "term": "last"},
}


def scenario(**changes: Any) -> Scenario:
    """One coin, one chain, one exchange, one protocol."""
    data: dict[str, Any] = {
        "name": "small",
        "assets": [{"name": "BTC", "price": 100.0}, {"name": "USDC", "price": 1.0, "stable": True}],
        "chains": [{"name": "main"}, {"name": "side"}],
        "bridges": [{"name": "span", "source": "side", "target": "main"}],
        "venues": [{"name": "exchange", "markets": [{"asset": "BTC", "kind": "perp", "depth": 1e6}]}],
        "oracles": [{"name": "feed", "chain": "main", "sources": ["exchange"]}],
        "protocols": [
            {
                "name": "harbor",
                "chain": "main",
                "venue": "exchange",
                "oracle": "feed",
                "markets": [{"asset": "BTC"}],
                "collateral": [{"asset": "USDC", "chain": "side", "bridge": "span"}],
            }
        ],
    }
    return Scenario.from_dict(data | changes)


@dataclass(frozen=True)
class Seen:
    """A reading: price, code, when, after how many moves."""

    price: int
    code: int
    seen: float
    moves: int


@dataclass
class World:
    """Rows of the tables, and prices by brute force."""

    paths: list[Callable[[float], float]] = field(default_factory=list)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {name: [] for name in TABLES})

    def add(self, table: str, **row: Any) -> None:
        self.rows[table].append(DEFAULTS.get(table, {}) | row)

    def book(
        self,
        weights: list[float],
        times: list[float],
        path: Callable[[float], float] = lambda t: 100.0,
        *,
        tick: float = 1.0,
        **row: Any,
    ) -> int:
        book = len(self.paths)
        self.paths.append(path)
        market = row.pop("market", f"M{book}-PERP")
        self.add("books", book=book, market=market, tick=tick, kernel_weights=weights, kernel_times=times, **row)
        return book

    def source(
        self, price: int, book: int, weight: float = 1.0, *, code: int = 0, ema: float = 0.0, **row: Any
    ) -> None:
        self.add("price_sources", price=price, code=code, book=book, weight=weight, ema=ema, **row)

    @property
    def moves(self) -> int:
        """Price moves so far."""
        return len(self.rows["price_moves"])

    def move(self, time: float, book: int, amount: float, cause: str = "trades", calm: float | None = None) -> int:
        calm = amount if calm is None else calm
        move, market = self.moves, self.rows["books"][book]["market"]
        row = {"move": move, "time": time, "book": book, "market": market, "cause": cause}
        self.add("price_moves", amount=amount, calm_amount=calm, **row)
        return move

    def liquidation(self, breach: int, time: float, move: int = -1, share: float = 1.0, **row: Any) -> int:
        liquidation = len(self.rows["liquidations"])
        account = self.rows["breaches"][breach]["account"]
        row = {"liquidation": liquidation, "breach": breach, "account": account} | row
        self.add("liquidations", time=time, move=move, share=share, **row)
        return liquidation

    def last(self, book: int, time: float, moves: int, without: Collection[int] = ()) -> float:
        """Last price of a book after some number of moves."""
        kernel = list(zip(*(self.rows["books"][book][f"kernel_{k}"] for k in ("weights", "times")), strict=True))
        value = self.paths[book](time)
        for m in self.rows["price_moves"][:moves]:
            if m["book"] == book and m["move"] not in without:
                value += m["amount"] * math.fsum(w * math.exp(-(time - m["time"]) / t) for w, t in kernel)
        return value

    def mean(self, book: int, ema: float, seen: float, moves: int, without: Collection[int] = ()) -> float:
        """Exponential mean over ticks; a tick comes before the moves at its time."""
        tick = self.rows["books"][book]["tick"]
        gain, value = 1.0 - math.exp(-tick / ema), self.paths[book](0.0)
        for k in range(1, math.floor(seen / tick) + 1):
            before = sum(m["time"] < k * tick for m in self.rows["price_moves"][:moves])
            value += gain * (self.last(book, k * tick, before, without) - value)
        return value

    def price(self, at: Seen, without: Collection[int] = ()) -> float:
        """A reading, with some moves left out."""
        total = 0.0
        for s in self.rows["price_sources"]:
            if (s["price"], s["code"]) == (at.price, at.code):
                read = (at.seen, at.moves, without)
                total += s["weight"] * (
                    self.mean(s["book"], s["ema"], *read) if s["ema"] else self.last(s["book"], *read)
                )
        return total

    def breach(
        self,
        time: float,
        exposures: list[tuple[float, Seen, Seen]],
        *,
        since: float = 0.0,
        start: float = 10.0,
        **row: Any,
    ) -> int:
        """A breach by its exposures (sensitivity, reading at the start, reading at the breach) and `..._fall`s."""
        breach = len(self.rows["breaches"])
        falls = {f"{n}_fall": row.pop(f"{n}_fall", 0.0) for n in ("margin", "haircut", "staleness", "funding", "own")}
        fall = math.fsum(falls.values())
        for sensitivity, a, b in exposures:
            prices = {"price_start": self.price(a), "price_end": self.price(b)}
            fall += sensitivity * (prices["price_start"] - prices["price_end"])
            ends = {"code_start": a.code, "code_end": b.code, "seen_start": a.seen, "seen_end": b.seen}
            ends |= {"moves_start": a.moves, "moves_end": b.moves}
            self.add("exposures", breach=breach, price=a.price, sensitivity=sensitivity, **prices, **ends)
        account = row.get("account", breach)
        given = {
            "breach": breach,
            "time": time,
            "account": account,
            "owner": account,
            "since": since,
            "moves_seen": self.moves,
        } | row
        self.add("breaches", free_margin_start=start, free_margin=start - fall, **given, **falls)
        return breach

    def fall_without(self, breach: int, without: Collection[int]) -> float:
        """Fall of a breach's free margin through prices, had some moves not been."""
        total = 0.0
        for x in self.rows["exposures"]:
            if x["breach"] == breach:
                a, b = (
                    Seen(x["price"], *(x[f"{k}_{end}"] for k in ("code", "seen", "moves"))) for end in ("start", "end")
                )
                total += x["sensitivity"] * (self.price(a, without) - self.price(b, without))
        return total

    def record(self, **changes: Any) -> Record:
        """As tables, with edges and generations filled in."""
        tables = {
            name: pl.DataFrame(self.rows[name], schema=TABLES[name].schema(), orient="row")
            if self.rows[name]
            else pl.DataFrame(schema=TABLES[name].schema())
            for name in TABLES
        }
        return complete(Record(scenario(**changes), tables))


def random_world(seed: int, *, happenings: int = 24, filters: bool = True) -> World:
    """Blocks on a grid of quarter seconds, ticks on it too; trades, arbitrage, liquidations and breaches as they come."""
    rng = np.random.default_rng(seed)
    world = World()
    for kernel in (([0.7, 0.3], [0.8, 20.0]), ([1.0], [math.inf]), ([0.5, 0.3, 0.2], [0.3, 2.0, 60.0])):
        slope = float(rng.normal(0.0, 0.5))
        world.book(*kernel, path=lambda t, slope=slope: 100.0 + slope * t, tick=float(rng.choice([0.5, 1.0])))  # type: ignore[misc]
    for price in range(3):
        for code in range(2):
            for book in rng.permutation(3)[: rng.integers(1, 4)].tolist():
                ema = float(rng.choice([0.0, 2.0, 7.5])) if filters else 0.0
                world.source(price, book, float(rng.uniform(-0.5, 1.0)), code=code, ema=ema)
    time = 0.0
    for _ in range(happenings):
        time += 0.25 * float(rng.integers(0, 5))
        breaches = len(world.rows["breaches"])
        what = rng.integers(0, 5)
        if what < 2 or not breaches:
            random_breach(world, rng, time)
        elif what == 2:
            cause = str(rng.choice(["trades", "arbitrage"]))
            world.move(time, int(rng.integers(3)), float(rng.normal(0, 3)), cause, float(rng.normal(0, 2)))
        else:
            move = world.move(time, int(rng.integers(3)), float(rng.normal(-4, 2)), "liquidation")
            parts = rng.dirichlet([1.0] * int(rng.integers(1, 4)))
            for part in parts.tolist():
                world.liquidation(int(rng.integers(breaches)), time, move, part)
    return world


def random_breach(world: World, rng: np.random.Generator, time: float) -> None:
    """Exposed to one to three prices, each read now or a while ago, since some time before."""
    times = [m["time"] for m in world.rows["price_moves"]]
    since = 0.25 * float(rng.integers(0, int(4 * time) + 1))
    exposures = []
    for price in rng.permutation(3)[: rng.integers(1, 4)].tolist():
        ends = []
        for latest in (since, time):
            seen = max(latest - 0.25 * float(rng.integers(0, 4)), 0.0)
            moves = sum(t < seen for t in times) if seen < time or latest == since else world.moves
            ends.append(Seen(price, int(rng.integers(2)), seen, moves))
        exposures.append((float(rng.normal(0.0, 2.0)), ends[0], ends[1]))
    fall = math.fsum(k * (world.price(a) - world.price(b)) for k, a, b in exposures)
    if fall < 0.0 and rng.uniform() < 0.9:
        exposures = [(-k, a, b) for k, a, b in exposures]
    own = float(rng.choice([0.0, 1.5]))
    world.breach(time, exposures, since=since, own_fall=own, funding_fall=float(rng.uniform(0.0, 1.0)))

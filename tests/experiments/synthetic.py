"""A made-up record with a crash and a cascade, and a made-up sweep, for the tests of figures and reports."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from abm.contagion.attribution import complete
from abm.record import SCHEMA_VERSION, Record, empty_tables
from abm.scenario import Scenario
from abm.tables import TABLES
from experiments.design import Design
from experiments.effects import effects
from experiments.report import SweepView
from experiments.sensitivity import rank_correlations
from experiments.store import Failed

COINS = {"BTC": 100_000.0, "ETH": 4_000.0, "SOL": 200.0}
PROTOCOLS = ("harbor", "cells")
COHORTS = ("retail", "whales", "basis")
DURATION = 3600.0
CRASH = 1200.0
IMPACT = 0.0016
"""Relative move of the median liquidation."""


def scenario(**changes: Any) -> Scenario:
    """A small world of two protocols and two chains; `changes` replace whole top-level keys."""
    markets = [{"asset": c, "kind": k, "depth": 5e6} for c in COINS for k in ("spot", "perp")]
    perps = [{"asset": c, "imf": 0.05, "mmf": 0.03} for c in COINS]
    data: dict[str, Any] = {
        "name": "made-up",
        "purpose": "a crash for the tests of the report",
        "assets": [{"name": c, "price": p} for c, p in COINS.items()]
        + [{"name": "USDC", "price": 1.0, "stable": True}],
        "chains": [{"name": "main"}, {"name": "side"}],
        "bridges": [{"name": "span", "source": "side", "target": "main"}],
        "venues": [{"name": "exchange", "markets": markets}],
        "oracles": [{"name": "feed", "chain": "main", "sources": ["exchange"]}],
        "protocols": [
            {
                "name": name,
                "chain": "main",
                "venue": "exchange",
                "oracle": "feed",
                "mode": mode,
                "markets": perps,
                "liquidation": {"fund": 1e6},
            }
            for name, mode in zip(PROTOCOLS, ("cross", "isolated"), strict=True)
        ],
    }
    return Scenario.from_dict(data | changes)


def frame(name: str, columns: dict[str, Any]) -> pl.DataFrame:
    """A table of the record; columns that are not given are zero, -1 or empty."""
    height = len(next(iter(columns.values())))
    rest = {pl.String(): "", pl.Float64(): 0.0, pl.Int64(): -1}
    full = {c.name: columns.get(c.name, [rest.get(c.dtype)] * height) for c in TABLES[name].columns}
    return pl.DataFrame(full, schema=TABLES[name].schema())


def price_path(times: np.ndarray, coin: str) -> np.ndarray:
    """Calm, a fall of a quarter or more from 1200 to 1500 s, half of it taken back."""
    depth = {"BTC": 0.22, "ETH": 0.3, "SOL": 0.42}[coin]
    fall = np.clip((times - CRASH) / 300, 0, 1) ** 1.5
    back = 0.5 * (1 - np.exp(-np.clip(times - CRASH - 300, 0, None) / 600))
    wiggle = 0.004 * np.sin(times / 97 + len(coin)) + 0.002 * np.sin(times / 31)
    return np.asarray(COINS[coin] * (1 - depth * fall * (1 - back) + wiggle))


def _markets() -> pl.DataFrame:
    times = np.arange(0, DURATION + 1, 20.0)
    parts = []
    for protocol in ("", *PROTOCOLS):
        for coin in COINS:
            last = price_path(times, coin)
            stress = np.exp(-(((times - CRASH - 260) / 160) ** 2))
            perp = protocol != ""
            parts.append(
                frame(
                    "markets",
                    {
                        "time": times,
                        "protocol": [protocol] * len(times),
                        "market": [f"{coin}-PERP" if perp else coin] * len(times),
                        "venue": ["exchange"] * len(times),
                        "last": last * (1 - (0.05 * stress if perp else 0.01 * stress)),
                        "mark": last * (1 - 0.02 * stress),
                        "index": last * (1 - 0.01 * stress),
                        "oracle": price_path(np.clip(times - 25, 0, None), coin),
                        "exogenous": price_path(times, coin) * 1.01,
                        "depth": 5e6 * (1 - 0.85 * stress),
                        "open_interest": 3e8 * (1 - 0.4 * np.clip((times - CRASH) / 400, 0, 1)) * perp,
                        "funding": COINS[coin] * 1e-4 * (times // 900) / 4 * perp,
                    },
                )
            )
    return pl.concat(parts)


def _breach_columns(count: int, rng: np.random.Generator) -> dict[str, Any]:
    times = np.sort(CRASH + 300 * rng.beta(2.5, 1.6, count)).round(0)
    notional = np.exp(rng.normal(10.5, 1.7, count))
    deficit = np.where(rng.random(count) < 0.08, 0.05 * notional, 0.0)
    accounts = rng.permutation(4 * count)[:count]
    return {
        "breach": np.arange(count),
        "time": times,
        "chain": ["main"] * count,
        "block": times.astype(int),
        "round": rng.integers(1, 6, count),
        "protocol": [PROTOCOLS[a % 2] for a in accounts],
        "account": accounts,
        "owner": accounts // 2,
        "cohort": [COHORTS[a % 3] for a in accounts],
        "mode": ["cross" if a % 2 == 0 else "isolated" for a in accounts],
        "episode": np.zeros(count, dtype=int),
        "since": np.full(count, CRASH),
        "free_margin": np.zeros(count),
        "equity": 0.028 * notional - deficit,
        "notional": notional,
        "deficit": deficit,
        "moves_seen": np.arange(count),
    }


def _liquidations(breaches: dict[str, Any], markets: list[str], rng: np.random.Generator) -> dict[str, Any]:
    count = len(markets)
    coins = [m.removesuffix("-PERP") for m in markets]
    price = np.array([price_path(np.array([t]), c)[0] for t, c in zip(breaches["time"], coins, strict=True)])
    route = np.where(np.arange(count) < count // 4, "keeper", rng.choice(["keeper", "book", "vault", "adl"], count))
    moves = {k: breaches[k] for k in ("breach", "time", "chain", "block", "round", "protocol", "account")}
    return moves | {
        "liquidation": np.arange(count),
        "market": markets,
        "quantity": -0.6 * breaches["notional"] / price,
        "price": price,
        "penalty": 0.006 * breaches["notional"],
        "keeper": ["keeper-1"] * count,
        "route": route,
        "move": np.arange(count),
        "share": np.ones(count),
    }


def _accounts(breaches: dict[str, Any], rng: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Accounts and positions at start and end; the breached ones end with little."""
    count = 4 * len(breaches["breach"])
    ids = np.arange(count)
    notional = np.exp(rng.normal(10.5, 1.7, count))
    notional[breaches["account"]] = breaches["notional"]
    kept = np.where(np.isin(ids, breaches["account"]), 0.4, rng.choice([1.0, 0.8], count))
    coin = [list(COINS)[a % 3] for a in ids]
    accounts, positions = [], []
    for time, part, equity in ((0.0, 1.0, 0.15), (DURATION, kept, 0.12)):
        price = np.array([price_path(np.array([time]), c)[0] for c in coin])
        entry = np.array([COINS[c] for c in coin])
        size = part * notional / entry
        margin = equity * notional * kept
        accounts.append(
            frame(
                "accounts",
                {
                    "time": np.full(count, time),
                    "protocol": [PROTOCOLS[a % 2] for a in ids],
                    "account": ids,
                    "owner": ids // 2,
                    "cohort": [COHORTS[a % 3] for a in ids],
                    "mode": ["cross" if a % 2 == 0 else "isolated" for a in ids],
                    "positions": np.ones(count, dtype=int),
                    "notional": size * price,
                    "equity": margin,
                    "margin_equity": margin,
                    "im": 0.05 * size * price,
                    "mm": 0.03 * size * price,
                    "free_margin": margin - 0.03 * size * price,
                    "health": margin / (0.03 * size * price),
                    "deposited": 0.15 * notional,
                },
            )
        )
        positions.append(
            frame(
                "positions",
                {
                    "time": np.full(count, time),
                    "protocol": [PROTOCOLS[a % 2] for a in ids],
                    "account": ids,
                    "market": [f"{c}-PERP" for c in coin],
                    "size": size,
                    "entry": entry,
                    "price": price,
                    "profit": size * (price - entry),
                },
            )
        )
    return pl.concat(accounts), pl.concat(positions)


def _losses(breaches: dict[str, Any]) -> pl.DataFrame:
    short = np.flatnonzero(breaches["deficit"] > 0)
    layers = ("fund", "fund", "adl", "socialise", "bad_debt")
    return frame(
        "losses",
        {
            "time": breaches["time"][short],
            "protocol": [breaches["protocol"][i] for i in short],
            "breach": short,
            "layer": [layers[k % 5] for k in range(len(short))],
            "account": short + 1,
            "amount": breaches["deficit"][short],
        },
    )


def _agents() -> pl.DataFrame:
    times = np.repeat(np.arange(0, DURATION + 1, 600.0), 3)
    steps = len(times) // 3
    kinds = ["cohort", "keeper", "arbitrageur"] * steps
    wealth = np.tile([1e8, 2e6, 5e6], steps) * (1 + np.tile([-0.05, 0.1, 0.02], steps) * times / DURATION)
    return frame(
        "agents",
        {
            "time": times,
            "agent": [900, 901, 902] * steps,
            "kind": kinds,
            "name": ["retail", "keeper-1", "arb-1"] * steps,
            "wealth": wealth,
            "profit": wealth - np.tile([1e8, 2e6, 5e6], steps),
            "actions": (times / 60).astype(int),
        },
    )


def _sources() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Prices 0, 1, 2 are marks of the three perps on harbor, 3, 4, 5 on cells; books are the perps'."""
    coins = list(COINS)
    prices = frame(
        "price_sources",
        {
            "price": range(6),
            "protocol": [PROTOCOLS[p // 3] for p in range(6)],
            "market": [f"{coins[p % 3]}-PERP" for p in range(6)],
            "feed": ["mark"] * 6,
            "code": [0] * 6,
            "term": ["last"] * 6,
            "book": [p % 3 for p in range(6)],
            "weight": [1.0] * 6,
        },
    )
    books = frame(
        "books",
        {
            "book": range(3),
            "venue": ["exchange"] * 3,
            "market": [f"{c}-PERP" for c in coins],
            "asset": coins,
            "kind": ["perp"] * 3,
            "tick": [1.0] * 3,
            "kernel_weights": [[1.0]] * 3,
            "kernel_times": [[20.0]] * 3,
        },
    )
    return prices, books


def record(count: int = 400, *, seed: int = 1, world: Scenario | None = None, impact: float = 1.0) -> Record:
    """A run with `count` breaches (0: a calm run), its liquidations' price moves scaled by `impact`."""
    rng = np.random.default_rng(seed)
    tables = empty_tables() | {"markets": _markets(), "agents": _agents()}
    tables["price_sources"], tables["books"] = _sources()
    breaches = _breach_columns(max(count, 1), rng)
    tables["accounts"], tables["positions"] = _accounts(breaches, rng)
    if count:
        coins = [list(COINS)[a % 3] for a in breaches["account"]]
        markets = [f"{c}-PERP" for c in coins]
        tables["exposures"] = _exposures(breaches, coins)
        tables["breaches"] = frame("breaches", breaches | {"free_margin_start": _falls(tables["exposures"])})
        liquidations = _liquidations(breaches, markets, rng)
        tables["liquidations"] = frame("liquidations", liquidations)
        tables["losses"] = _losses(breaches)
        tables["price_moves"] = frame(
            "price_moves",
            {k: liquidations[k] for k in ("time", "chain", "block", "round", "market")}
            | {
                "move": np.arange(count),
                "book": [list(COINS).index(c) for c in coins],
                "venue": ["exchange"] * count,
                "cause": ["liquidation"] * count,
                "amount": -impact * IMPACT * np.sqrt(breaches["notional"] / 4e4) * liquidations["price"],
                "calm_amount": -0.4 * impact * IMPACT * np.sqrt(breaches["notional"] / 4e4) * liquidations["price"],
                "volume": liquidations["quantity"],
                "depth": np.full(count, 2e6),
            },
        )
    tables["bridges"] = _bridges()
    manifest = {
        "schema": SCHEMA_VERSION,
        "seed": seed,
        "version": "0.1.0",
        "platform": "a <b>platform</b> & more",
        "packages": {"numpy": "2.5", "mesa": "3.5.1"},
    }
    return complete(Record(world or scenario(), tables, {"breaches": count}, manifest))


def _exposures(breaches: dict[str, Any], coins: list[str]) -> pl.DataFrame:
    names = list(COINS)
    end = np.array([price_path(np.array([t]), c)[0] for t, c in zip(breaches["time"], coins, strict=True)])
    return frame(
        "exposures",
        {
            "breach": breaches["breach"],
            "price": [
                3 * PROTOCOLS.index(p) + names.index(c) for p, c in zip(breaches["protocol"], coins, strict=True)
            ],
            "sensitivity": 0.97 * breaches["notional"] / end,
            "price_start": [COINS[c] for c in coins],
            "price_end": end,
            "code_start": [0] * len(coins),
            "code_end": [0] * len(coins),
            "seen_start": breaches["since"],
            "seen_end": breaches["time"],
            "moves_start": np.zeros(len(coins), dtype=int),
            "moves_end": breaches["moves_seen"],
        },
    )


def _falls(exposures: pl.DataFrame) -> pl.Series:
    """What each breach lost by its price: all of its free margin."""
    return exposures["sensitivity"] * (exposures["price_start"] - exposures["price_end"])


def _bridges() -> pl.DataFrame:
    sent = np.arange(0, DURATION, 300.0)
    arrived: list[float | None] = [float(t) + 75 for t in sent]
    arrived[-1] = None
    return frame(
        "bridges",
        {
            "message": range(len(sent)),
            "bridge": ["span"] * len(sent),
            "kind": ["transfer", "state"] * (len(sent) // 2),
            "sent": sent,
            "arrived": arrived,
            "from_chain": ["side"] * len(sent),
            "to_chain": ["main"] * len(sent),
            "asset": ["USDC"] * len(sent),
            "amount": np.linspace(1e4, 1e6, len(sent)),
        },
    )


def one_bad_record() -> Record:
    """One cross account of three positions, of which SOL alone has lost, and its owner's isolated twins."""
    base = record(0)
    coins = list(COINS)
    sizes = {"BTC": 1.0, "ETH": -25.0, "SOL": 1000.0}
    entry = {"BTC": 90_000.0, "ETH": 4_100.0, "SOL": 210.0}
    end = {"BTC": 99_000.0, "ETH": 3_900.0, "SOL": 100.0}
    ids = [1, 2, 3, 4]
    accounts = [
        frame(
            "accounts",
            {
                "time": [time] * 4,
                "protocol": ["harbor", "cells", "cells", "cells"],
                "account": ids,
                "owner": [7] * 4,
                "cohort": ["twins"] * 4,
                "mode": ["cross", "isolated", "isolated", "isolated"],
                "positions": [3, 1, 1, 1],
                "equity": equity,
            },
        )
        for time, equity in ((0.0, [90e3, 30e3, 30e3, 30e3]), (DURATION, [-13e3, 39e3, 35e3, -5e3]))
    ]
    positions = frame(
        "positions",
        {
            "time": [0.0] * 6,
            "protocol": ["harbor"] * 3 + ["cells"] * 3,
            "account": [1, 1, 1, 2, 3, 4],
            "market": [f"{c}-PERP" for c in coins] * 2,
            "size": list(sizes.values()) * 2,
            "entry": list(entry.values()) * 2,
        },
    )
    breaches = frame(
        "breaches",
        {
            "breach": [0, 1],
            "time": [1300.0, 1310.0],
            "chain": ["main"] * 2,
            "protocol": ["harbor", "cells"],
            "account": [1, 4],
            "owner": [7, 7],
            "cohort": ["twins"] * 2,
            "mode": ["cross", "isolated"],
            "episode": [0, 0],
            "free_margin_start": [9e4, 3e4],
            "moves_seen": [0, 0],
            "notional": [3e5, 1e5],
            "equity": [-6e3, -5e3],
            "generation": [0, 0],
            "deficit": [13e3, 5e3],
        },
    )
    exposures = frame(
        "exposures",
        {
            "breach": [0, 0, 0, 1],
            "price": [0, 1, 2, 5],
            "sensitivity": [0.97, -25.75, 970.0, 970.0],
            "price_start": [entry[c] for c in coins] + [210.0],
            "price_end": [end[c] for c in coins] + [100.0],
            "code_start": [0] * 4,
            "code_end": [0] * 4,
            "seen_start": [0.0] * 4,
            "seen_end": [1300.0] * 4,
            "moves_start": [0] * 4,
            "moves_end": [0] * 4,
        },
    )
    liquidations = frame(
        "liquidations",
        {
            "liquidation": [0, 1, 2, 3],
            "breach": [0, 0, 0, 1],
            "time": [1300.0, 1300.0, 1300.0, 1310.0],
            "protocol": ["harbor"] * 3 + ["cells"],
            "account": [1, 1, 1, 4],
            "market": [f"{c}-PERP" for c in coins] + ["SOL-PERP"],
            "quantity": [-1.0, 25.0, -1000.0, -1000.0],
            "price": [98_000.0, 3_900.0, 95.0, 95.0],
            "route": ["book"] * 4,
            "keeper": [""] * 4,
        },
    )
    changed = {
        "accounts": pl.concat(accounts),
        "positions": positions,
        "breaches": breaches,
        "exposures": exposures,
        "liquidations": liquidations,
    }
    return complete(Record(base.scenario, base.tables | changed, {}, base.manifest))


def write_run(folder: Path, count: int = 60) -> Path:
    """A run's folder."""
    return record(count).write(folder)


def sweep(kind: str = "grid") -> SweepView:
    """A sweep of two levers and eight seeds with three outcomes, and one run that failed."""
    mode = {"name": "mode", "key": "protocols.harbor.mode", "values": ["cross", "isolated"]}
    delay: dict[str, Any] = {"name": "delay", "key": "oracles.feed.delay"}
    if kind == "grid":
        shape: dict[str, Any] = {"kind": kind, "levers": [mode, delay | {"values": [2.0, 10.0, 60.0]}]}
    elif kind == "list":
        shape = {"kind": kind, "cases": [{"name": "as-is"}, {"name": "slow", "set": {"oracles.feed.delay": 60.0}}]}
    else:
        shape = {"kind": kind, "samples": 40, "levers": [mode, delay | {"low": 1.0, "high": 60.0}]}
    base = {"name": "modes", "purpose": "does isolated margin cost less?", "scenario": "made-up.toml"}
    design = Design.from_dict(base | {"seeds": {"count": 8}} | shape)
    frame_ = _sweep_runs(kind)
    found = rank_correlations(design, frame_) if kind == "latin_hypercube" else None
    failed = (Failed("0badc0de", 3, 4, {"mode": "cross", "delay": 2.0}, "the audit <failed>", "trace"),)
    manifest = {"schema": 1, "kind": "sweep", "identity": {"version": "0.1.0"}}
    return SweepView(design, frame_, effects(design, frame_), found, failed, manifest)


def _sweep_runs(kind: str) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    if kind == "grid":
        points: list[dict[str, Any]] = [
            {"mode": m, "delay": d} for m in ("cross", "isolated") for d in (2.0, 10.0, 60.0)
        ]
    elif kind == "list":
        points = [{"case": c} for c in ("as-is", "slow")]
    else:
        points = [{"mode": ("cross", "isolated")[k % 2], "delay": 1.0 + 1.5 * k} for k in range(40)]
    luck = np.exp(rng.normal(0, 0.5, 8))
    rows = []
    for point in points:
        weight = (0.6 if point.get("mode") == "isolated" else 1.0) * (1 + point.get("delay", 2.0) / 100)
        for seed in range(1, 9):
            size = 5e7 * luck[seed - 1] * weight * np.exp(rng.normal(0, 0.1))
            row = {"run": f"run{len(rows):04d}", "position": len(rows), "scenario": "made-up", "seed": seed} | point
            outcome = {"liquidated_notional": size, "breaches": int(size / 1e5), "endogenous_share": 0.3 * weight}
            rows.append(row | outcome | {"bad_debt": 0.0})
    return pl.DataFrame(rows)


def write_sweep(folder: Path, kind: str = "grid") -> Path:
    """A sweep's folder."""
    view = sweep(kind)
    (folder / "errors").mkdir(parents=True)
    (folder / "design.toml").write_text(view.design.to_toml(), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(dict(view.manifest)), encoding="utf-8")
    for failure in view.failed:
        (folder / "errors" / f"{failure.run}.json").write_text(json.dumps(asdict(failure)), encoding="utf-8")
    view.runs.write_parquet(folder / "runs.parquet")
    view.effects.write_parquet(folder / "effects.parquet")
    if view.sensitivity is not None:
        view.sensitivity.write_parquet(folder / "sensitivity.parquet")
    return folder

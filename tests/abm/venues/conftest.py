from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from abm.scenario import Scenario
from abm.spec import DepthSpec, ImpactSpec
from abm.venues import Books, build_books

ASSETS = ("BTC", "ETH", "USDC")
PRICES = np.array([100.0, 10.0, 1.0])


def venue(name: str, *markets: tuple[str, str], **keys: Any) -> dict[str, Any]:
    """A venue with markets (asset, kind) of one million USD depth."""
    return {"name": name, "markets": [{"asset": a, "kind": k, "depth": 1e6} for a, k in markets], **keys}


def scenario(venues: list[dict[str, Any]], **protocol: Any) -> Scenario:
    """A world of BTC at 100, ETH at 10, and a protocol on the first venue."""
    perps = [m["asset"] for m in venues[0]["markets"] if m["kind"] == "perp"]
    return Scenario.from_dict(
        {
            "schema": 1,
            "name": "venues",
            "assets": [{"name": a, "price": p} for a, p in zip(ASSETS, PRICES, strict=True)],
            "chains": [{"name": "main"}],
            "venues": venues,
            "oracles": [{"name": "feed", "chain": "main", "sources": [venues[0]["name"]]}],
            "protocols": [
                {
                    "name": "harbor",
                    "chain": "main",
                    "venue": venues[0]["name"],
                    "oracle": "feed",
                    "markets": [{"asset": a} for a in perps],
                }
                | protocol
            ],
        }
    )


def opened(world: Scenario, volatility: float = 1e-4) -> Books:
    """Its books after the first tick, every asset on one series."""
    books = build_books(world, lambda asset, _: ASSETS.index(asset), np.full(len(ASSETS), volatility))
    books.tick(0.0, PRICES)
    return books


@pytest.fixture
def prices() -> np.ndarray:
    """The exogenous prices at the opening: BTC 100, ETH 10, USDC 1."""
    return PRICES.copy()


@pytest.fixture
def make_scenario() -> Callable[..., Scenario]:
    """`scenario(venues, **protocol)`."""
    return scenario


@pytest.fixture
def make_venue() -> Callable[..., dict[str, Any]]:
    """`venue(name, *markets, **keys)`."""
    return venue


@pytest.fixture
def make_books() -> Callable[..., Books]:
    """Books of one venue with BTC spot and perpetual, opened; keys of its impact and depth."""

    def make(impact: dict[str, Any] | None = None, depth: dict[str, Any] | None = None, spread: float = 0.0) -> Books:
        one = venue("floor", ("BTC", "spot"), ("BTC", "perp"), impact=impact or {}, depth=depth or {})
        for market in one["markets"]:
            market["spread"] = spread
        return opened(scenario([one]))

    return make


@pytest.fixture
def make_forbidden_books() -> Callable[..., Books]:
    """As `make_books` without a spread, with an impact or a depth that a scenario would refuse because it can be pumped."""

    def make(impact: dict[str, Any], depth: dict[str, Any] | None = None) -> Books:
        one = venue("floor", ("BTC", "spot"), ("BTC", "perp"))
        for market in one["markets"]:
            market["spread"] = 0.0
        world = scenario([one])
        floor = world.venues[0].model_copy(update={"impact": ImpactSpec(**impact), "depth": DepthSpec(**(depth or {}))})
        return opened(world.model_copy(update={"venues": (floor,)}))

    return make


@pytest.fixture
def make_world() -> Callable[..., tuple[Scenario, Books]]:
    """Three exchanges, one of them on a chain, and a pool: (scenario, opened books); keys of the protocol."""

    def make(**protocol: Any) -> tuple[Scenario, Books]:
        world = scenario(
            [
                venue("app", ("BTC", "perp"), ("ETH", "perp"), ("BTC", "spot"), chain="main", impact={"t0": 1.0}),
                venue("floor", ("BTC", "spot"), ("BTC", "perp"), impact={"exponent": 0.7, "gamma": 0.8}),
                venue("deep", ("ETH", "spot"), ("BTC", "spot"), ("BTC", "perp"), fee=0.0005),
                venue("pool", ("ETH", "spot"), kind="amm", chain="main"),
            ],
            **protocol,
        )
        return world, opened(world)

    return make

"""A small quiet world for the tests of inhabitants: two coins, two chains with a bridge, one exchange, one protocol.

Prices stand still unless a test gives them volatility or shocks, and the audit runs on every block.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from abm.model import CrossMarginModel
from abm.scenario import Scenario
from agents.population import populate


def description() -> dict[str, Any]:
    """The small world as a scenario file holds it; a new copy each time."""
    return {
        "name": "small",
        "clock": {"duration": 300.0},
        "audit": {"interval": 0.0},
        "record": {"markets": 60.0, "agents": 60.0},
        "assets": [
            {"name": "USDC", "price": 1.0, "stable": True},
            {"name": "BTC", "price": 50000.0, "volatility": 0.0},
            {"name": "ETH", "price": 2000.0, "volatility": 0.0},
        ],
        "chains": [{"name": "alpha"}, {"name": "beta", "interval": 2.0}],
        "bridges": [{"name": "span", "source": "beta", "target": "alpha", "delay": 20.0}],
        "venues": [
            {
                "name": "harbor-book",
                "chain": "alpha",
                "markets": [
                    {"asset": "BTC", "kind": "perp", "depth": 2e7},
                    {"asset": "ETH", "kind": "perp", "depth": 1e7},
                ],
            },
            {"name": "bourse", "markets": [{"asset": "BTC", "depth": 2e7}, {"asset": "ETH", "depth": 1e7}]},
        ],
        "oracles": [{"name": "feed", "chain": "alpha", "sources": ["bourse"]}],
        "protocols": [
            {
                "name": "harbor",
                "chain": "alpha",
                "venue": "harbor-book",
                "oracle": "feed",
                "markets": [{"asset": "BTC", "imf": 0.05, "mmf": 0.03}, {"asset": "ETH", "imf": 0.05, "mmf": 0.03}],
                "collateral": [{"asset": "ETH", "haircut": 0.1}, {"asset": "USDC", "chain": "beta", "bridge": "span"}],
                "liquidation": {"fund": 1e5, "vault": 1e6},
            }
        ],
    }


def small_scenario(
    agents: Sequence[Mapping[str, Any]] = (), change: Mapping[str, Any] | None = None, **replace: Any
) -> Scenario:
    """The small world with these inhabitants; `replace` exchanges whole top-level keys, `change` single dotted ones."""
    scenario = Scenario.from_dict(description() | {"agents": [dict(a) for a in agents]} | replace)
    return scenario.override(dict(change)) if change else scenario


def small_world(
    agents: Sequence[Mapping[str, Any]] = (), change: Mapping[str, Any] | None = None, **replace: Any
) -> CrossMarginModel:
    """The small world, peopled and not yet run; arguments as of `small_scenario`."""
    return populate(CrossMarginModel(small_scenario(agents, change, **replace)))


def fall(move: float, at: float = 60.0, over: float = 10.0) -> dict[str, Any]:
    """`prices` with one scripted move of all coins."""
    return {"shocks": [{"name": "fall", "at": at, "over": over, "move": move}]}

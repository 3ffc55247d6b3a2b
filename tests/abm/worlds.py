"""Small worlds under great stress: a crash of a quarter in half a minute, on thin books, with all that can then happen."""

from dataclasses import asdict, dataclass
from typing import Any

from hypothesis import strategies as st

from abm.model import CrossMarginModel
from abm.scenario import Scenario
from agents.population import populate
from tests.agents.worlds import description

LAYERS = ("fund", "vault", "adl", "socialise")


@dataclass(frozen=True)
class Levers:
    """What a stressed world can be told to be."""

    seed: int = 1
    mode: str = "cross"
    route: str = "keeper"
    policy: str = "partial"
    trigger: str = "account_negative"
    rank: str = "leverage_profit"
    price: str = "bankruptcy"
    waterfall: tuple[str, ...] = LAYERS
    staleness: str = "aged"
    breach_price: str = "mark"
    fund: float = 1e3
    vault: float = 2e4
    move: float = -0.25
    impact: bool = True


@st.composite
def waterfalls(draw: st.DrawFn) -> tuple[str, ...]:
    """Some of the layers in any order that can be: socialised loss takes what is left."""
    chosen = draw(st.permutations(LAYERS))[: draw(st.integers(0, 4))]
    return tuple(sorted(chosen, key=lambda layer: layer == "socialise"))


@st.composite
def levers(draw: st.DrawFn) -> Levers:
    """Any of them."""
    return Levers(
        seed=draw(st.integers(0, 2**62)),
        mode=draw(st.sampled_from(["cross", "isolated"])),
        route=draw(st.sampled_from(["book", "keeper", "vault"])),
        policy=draw(st.sampled_from(["partial", "whole"])),
        trigger=draw(st.sampled_from(["account_negative", "vault_negative", "fund_empty"])),
        rank=draw(st.sampled_from(["leverage_profit", "pro_rata", "size", "hedge_aware"])),
        price=draw(st.sampled_from(["previous_mark", "bankruptcy"])),
        waterfall=draw(waterfalls()),
        staleness=draw(st.sampled_from(["full", "aged", "none"])),
        breach_price=draw(st.sampled_from(["mark", "oracle", "index", "last"])),
        fund=draw(st.sampled_from([0.0, 1e3, 1e5])),
        vault=draw(st.sampled_from([0.0, 2e4, 1e6])),
        move=draw(st.sampled_from([-0.25, -0.12, 0.2])),
    )


def _protocol(at: Levers) -> dict[str, Any]:
    keys = asdict(at)
    rule = {k: keys[k] for k in ("route", "policy", "fund", "vault")} | {"waterfall": list(at.waterfall)}
    rule |= {"backstop_after": 10.0, "backstop_below": 0.3, "vault_leverage": 10.0}
    return {
        "name": "harbor", "chain": "alpha", "venue": "harbor-book", "oracle": "feed",
        **{k: keys[k] for k in ("mode", "breach_price", "staleness")},
        "staleness_grace": 5.0, "staleness_rate": 0.005, "message_interval": 10.0,
        "markets": [{"asset": "BTC", "imf": 0.04, "mmf": 0.02}, {"asset": "ETH", "imf": 0.05, "mmf": 0.03}],
        "collateral": [
            {"asset": "ETH", "haircut": 0.1}, {"asset": "USDC", "chain": "beta", "bridge": "span", "haircut": 0.02}
        ],
        "liquidation": rule | {"adl": {k: keys[k] for k in ("trigger", "rank", "price")}},
    }  # fmt: skip


def cohort(name: str = "retail", **params: Any) -> dict[str, Any]:
    """Restless accounts at twelve-fold leverage, some of them with coins, some with collateral on the other chain."""
    keys: dict[str, Any] = {
        "protocol": "harbor", "accounts": 120, "leverage": 12.0, "equity": 5000.0, "equity_sigma": 1.0,
        "long_share": 0.65, "positions": 1.6, "trades": 500.0, "deleverage": 500.0, "top_ups": 500.0,
        "coins": [
            {"asset": "ETH", "accounts": 0.3, "part": 0.6},
            {"asset": "USDC", "chain": "beta", "accounts": 0.3, "part": 0.7},
        ],
    }  # fmt: skip
    return {"kind": "cohort", "name": name, "cadence": 5.0, "params": keys | params}


KEEPERS = {
    "kind": "keeper", "name": "keepers", "count": 2, "cadence": 1.0, "params": {"protocol": "harbor", "capital": 1e5}
}  # fmt: skip


def stressed_scenario(at: Levers = Levers(), agents: tuple[dict[str, Any], ...] = (), **replace: Any) -> Scenario:
    """The scenario of a stressed world; `agents` come beside its cohort and keepers."""
    crash = {"name": "crash", "at": 20.0, "over": 30.0, "move": at.move, "reverts": 0.7, "revert_over": 30.0}
    data = description() | {
        "seed": at.seed,
        "clock": {"duration": 120.0},
        "quiet": 40.0,
        "prices": {"venue_noise": 0.0005, "shocks": [crash]},
        "bridges": [{"name": "span", "source": "beta", "target": "alpha", "delay": 5.0, "halts": [[40.0, 60.0]]}],
        "protocols": [_protocol(at)],
        "agents": [cohort(), KEEPERS, *agents],
    }
    for asset in data["assets"][1:]:
        asset["volatility"] = 0.6
    book, exchange = data["venues"]
    book |= {"fee": 0.0005, "impact": {"collar": 0.2, "enabled": at.impact}, "funding": {"interval": 30.0}}
    exchange["impact"] = {"enabled": at.impact}
    for market, depth in zip(book["markets"], (1e6, 5e5), strict=True):
        market["depth"] = depth
    return Scenario.from_dict(data | replace)


def stressed(at: Levers = Levers(), agents: tuple[dict[str, Any], ...] = (), **replace: Any) -> CrossMarginModel:
    """A stressed world, peopled and not yet run."""
    return populate(CrossMarginModel(stressed_scenario(at, agents, **replace)))

"""The pieces of a scenario, typed: what a world is made of, key by key.

Every class here is a frozen pydantic model that refuses unknown keys.  What keys take is in `abm.keys`, protocols are in
`abm.protocol_spec`; the whole that they add up to, and the reading of files, are in `abm.scenario`.  Times are seconds,
money is USD, rates are fractions (0.05 is five per cent), annual figures say so.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from abm.keys import BelowOne, Finite, Fraction, Name, Names, NonNegative, Positive, Spans, Spec
from abm.options_spec import OptionsSpec

__all__ = [
    "AgentSpec",
    "AmmSpec",
    "AssetSpec",
    "AuditSpec",
    "BridgeSpec",
    "ChainSpec",
    "ClockSpec",
    "DepthSpec",
    "FundingSpec",
    "ImpactSpec",
    "MarkSpec",
    "MarketSpec",
    "OptionsSpec",
    "OracleSpec",
    "PricesSpec",
    "RecordSpec",
    "ShockSpec",
    "Spec",
    "VenueSpec",
]


class ClockSpec(Spec):
    """When the run begins and how long it lasts; prices exist from time 0 on."""

    start: NonNegative = Field(0.0, description="seconds into the price path at which the world opens")
    duration: Positive = Field(3600.0, description="simulated seconds from the start")
    price_interval: Positive = Field(1.0, description="seconds between price ticks")


class RecordSpec(Spec):
    """How often the slow tables are sampled."""

    markets: Positive = Field(60.0, description="seconds between rows of `markets`")
    accounts: NonNegative = Field(0.0, description="seconds between samples of `accounts`; 0: start and end only")
    agents: Positive = Field(300.0, description="seconds between rows of `agents`")


class AuditSpec(Spec):
    """The conservation audit."""

    interval: NonNegative = Field(600.0, description="seconds between audits; 0: after every block")
    tolerance: Positive = Field(1e-9, description="allowed error as a fraction of the gross")


class AssetSpec(Spec):
    """A coin: its price at time 0 and the law of its exogenous path."""

    name: Name = Field(description="the coin, such as BTC; everything else refers to it by this")
    price: Positive = Field(description="USD at time 0 (replay: taken from the file instead)")
    volatility: NonNegative = Field(0.6, description="annual volatility of the diffusion")
    loading: Fraction = Field(0.7, description="correlation of its diffusion with the market factor")
    beta: Finite = Field(1.0, description="how far it moves, in log price, per unit of a market-wide jump or shock")
    jump_rate: NonNegative = Field(0.0, description="own jumps a year")
    jump_mean: Finite = Field(0.0, description="mean log jump")
    jump_sd: NonNegative = Field(0.03, description="standard deviation of the log jump")
    stable: bool = Field(False, description="pegged to one USD: no diffusion, only shocks that name it")


class ShockSpec(Spec):
    """A scripted exogenous move of log prices, spread evenly over some seconds."""

    name: Name = Field(description="by which a KEY of `--set` finds it")
    at: NonNegative = Field(description="seconds into the price path at which it begins")
    over: NonNegative = Field(0.0, description="seconds over which the move is spread; 0: one tick")
    move: Annotated[float, Field(gt=-1, allow_inf_nan=False)] = Field(
        description="relative move at its end, -0.2 is a fall of 20 per cent; scaled by each asset's beta"
    )
    assets: Names = Field((), description="the assets it hits; empty: all that are not stable")
    reverts: Fraction = Field(0.0, description="part of the log move that comes back")
    revert_over: NonNegative = Field(1800.0, description="seconds over which that part comes back, evenly")


class PricesSpec(Spec):
    """The exogenous prices of all assets."""

    kind: Literal["jump_diffusion", "bootstrap", "replay"] = Field(
        "jump_diffusion", description="drawn from a law, from blocks of a history, or a history as it was"
    )
    variance_of_variance: NonNegative = Field(0.0, description="volatility of log variance per square root of a day")
    variance_persistence: Positive = Field(
        21600.0, description="seconds in which a deviation of log variance falls to 1/e"
    )
    jump_rate: NonNegative = Field(0.0, description="market-wide jumps a year")
    jump_mean: Finite = Field(0.0, description="mean log jump of the market, times each asset's beta")
    jump_sd: NonNegative = Field(0.02, description="standard deviation of that log jump")
    venue_noise: NonNegative = Field(
        0.0, description="standard deviation of a venue's own log deviation from the coin's price"
    )
    venue_noise_persistence: Positive = Field(120.0, description="seconds in which it falls to 1/e")
    file: str = Field("", description="bars to bootstrap from or to replay; `--prices` overrides it")
    block: Positive = Field(3600.0, description="bootstrap: mean length of a block in seconds")
    max_gap: Positive = Field(60.0, description="replay: the longest hole over which the last price is carried")
    on_gap: Literal["error", "drop"] = Field("error", description="a longer hole is an error, or drops the series")
    offset: NonNegative = Field(0.0, description="replay: seconds into the file at which time 0 lies")
    shocks: tuple[ShockSpec, ...] = Field((), description="scripted moves on top of the path")


class ChainSpec(Spec):
    """A chain: blocks, fees, finality, outages."""

    name: Name = Field(description="by which others refer to it")
    interval: Positive = Field(1.0, description="seconds between blocks")
    gas_limit: Positive = Field(30e6, description="gas a block")
    base_fee: NonNegative = Field(
        2e-9,
        description="USD per unit of gas at the start; moves with fullness (EIP-1559), between this and a thousand times this",
    )
    base_fee_change: Fraction = Field(0.125, description="largest relative change a block; 0: constant")
    finality: NonNegative = Field(10.0, description="seconds until a block is final")
    expiry: Positive = Field(120.0, description="seconds after which a waiting transaction is dropped")
    background_gas: Fraction = Field(0.3, description="share of a block taken by traffic outside the model, at calm")
    background_response: NonNegative = Field(
        0.0, description="how that share grows with realised over usual volatility less one"
    )
    outages: Spans = Field(
        (), description="[from, to] in seconds: no blocks, no finality; bridges take nothing from it and bring nothing"
    )


class BridgeSpec(Spec):
    """A lock-and-mint bridge between two chains, for one asset."""

    name: Name = Field(description="by which others refer to it")
    source: Name = Field(description="the chain on which the asset is native and is locked")
    target: Name = Field(description="the chain on which the wrapped asset is minted")
    asset: Name = Field("USDC", description="the coin that crosses")
    delay: NonNegative = Field(60.0, description="seconds of relay after finality")
    cap: Positive = Field(1e9, description="most that may be locked, in the asset")
    flow_cap: Positive = Field(1e9, description="most that may cross in an hour either way, in the asset")
    verifiers: Annotated[int, Field(ge=1)] = Field(5, description="how many attest a message")
    threshold: Annotated[int, Field(ge=1)] = Field(3, description="attestations that a message needs")
    halts: Spans = Field((), description="[from, to]: nothing is accepted or released")

    @model_validator(mode="after")
    def _threshold(self) -> "BridgeSpec":
        if self.threshold > self.verifiers:
            raise ValueError(f"threshold {self.threshold} exceeds the {self.verifiers} verifiers")
        return self


class ImpactSpec(Spec):
    """What net volume does to price: coefficient * |V / depth|^exponent, decaying as (1 + t/t0)^-gamma."""

    enabled: bool = Field(True, description="false: trades move no price")
    coefficient: NonNegative = Field(
        0.01, description="relative move when net volume equals the depth (depth within 1 per cent: 0.01)"
    )
    exponent: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="of net volume over depth; 0.5 is the square-root law, 1 linear"
    )
    t0: Positive = Field(0.5, description="seconds; no longer than the venue's block when the exponent is below 1")
    gamma: Positive = Field(0.6, description="how fast impact decays: as the time since, in t0, to this power")
    collar: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.5, description="orders are not filled further than this from the exogenous price"
    )


class DepthSpec(Spec):
    """How the depth behind a market moves: D0 exp(-a * volatility ratio) with refill; makers add their own.

    The default of a: asks of BTCUSDT within one per cent stood at 16 % of before at 21:22:31 on 10 October 2025, when
    the volatility of BTC that this model's estimator gives on the day's trades was 21 times the usual: ln(1/0.16)/20.
    """

    volatility_response: NonNegative = Field(0.09, description="a, per unit of realised over usual volatility less one")
    volatility_halflife: Positive = Field(300.0, description="seconds, of the realised volatility that makers watch")
    refill: Positive = Field(60.0, description="seconds in which the gap to the wanted depth falls to 1/e")
    consumed: Fraction = Field(0.5, description="part of a block's net volume that is taken out of the depth")


class MarketSpec(Spec):
    """One instrument on a venue."""

    asset: Name = Field(description="the coin that is traded")
    kind: Literal["spot", "perp"] = Field("spot", description="the coin itself, or its perpetual")
    depth: Positive = Field(description="USD within one per cent on one side, without the makers among the agents")
    spread: BelowOne = Field(0.0002, description="relative width between bid and ask")


class FundingSpec(Spec):
    """Funding of a venue's perpetuals: F = P + clamp(I - P, +-band) per eight hours."""

    interval: Positive = Field(3600.0, description="seconds between payments")
    interest: Finite = Field(0.0001, description="per eight hours")
    band: NonNegative = Field(0.0005, description="the clamp around the premium")
    cap: Positive = Field(0.04, description="largest rate an hour")
    notional: Positive = Field(20000.0, description="USD of the impact bid and ask that make the premium")


class AmmSpec(Spec):
    """A constant-product pool."""

    fee: BelowOne = Field(0.003, description="fraction of what is paid in that stays in the pool")


class VenueSpec(Spec):
    """Where trades happen: an order-driven venue on a chain or an exchange of its own, or an AMM."""

    name: Name = Field(description="by which others refer to it")
    kind: Literal["book", "amm"] = Field(
        "book", description="order-driven, or a pool of constant product (spot, on a chain)"
    )
    chain: str = Field("", description="the chain it lives on; empty: an exchange with its own matching engine")
    interval: Positive = Field(1.0, description="seconds between matchings of an exchange of its own")
    fee: BelowOne = Field(0.0, description="taker fee, fraction of notional")
    series: str = Field("", description="venue name in a price file, if it differs from `name`")
    transfer_delay: NonNegative = Field(120.0, description="seconds that coins take to or from an exchange of its own")
    suspended: Spans = Field((), description="[from, to]: the exchange takes and gives no coins")
    markets: tuple[MarketSpec, ...] = Field(min_length=1, description="what it trades")
    impact: ImpactSpec = Field(ImpactSpec(), description="what trades on its books do to their prices")
    depth: DepthSpec = Field(DepthSpec(), description="how the depth of its books moves")
    funding: FundingSpec = Field(FundingSpec(), description="funding of its perpetuals")
    amm: AmmSpec = Field(AmmSpec(), description="the pool, of kind amm")


class OracleSpec(Spec):
    """A price feed on a chain for each of some assets."""

    name: Name = Field(description="by which protocols refer to it")
    chain: Name = Field(description="the chain on which it publishes")
    assets: Names = Field((), description="empty: every asset that its sources trade")
    sources: Names = Field(
        min_length=1, description="venues whose last spot price it reads (or perp where it has no spot)"
    )
    aggregation: Literal["median", "mean"] = Field("median", description="of the sources' prices")
    sampling: Positive = Field(1.0, description="seconds between readings of the sources")
    deviation: NonNegative = Field(0.005, description="relative move that triggers an update")
    heartbeat: Positive = Field(3600.0, description="seconds after which it updates anyhow")
    delay: NonNegative = Field(2.0, description="seconds from reading to the transaction's arrival at the chain")
    jitter: NonNegative = Field(0.5, description="seconds; mean of an exponential addition to the delay")
    gas: Positive = Field(80000.0, description="gas of one update")
    tip: NonNegative = Field(5e-9, description="USD per unit of gas it pays over the base fee")
    outages: Spans = Field((), description="[from, to] in seconds: it sends nothing")


class MarkSpec(Spec):
    """Mark = median(index + EMA(last - index), last, other venues' perpetuals)."""

    ema: Positive = Field(150.0, description="seconds of the exponential mean of the basis")
    index: Names = Field(
        (), description="venues whose spot prices make the index, equal weights; empty: all books with a spot market"
    )
    peers: Names = Field((), description="other venues' perpetuals; empty: all others that trade it, else the index")


class AgentSpec(Spec):
    """Inhabitants of one kind: a shipped name, or `module:Class` for one's own."""

    kind: str = Field(description="a shipped kind, or module:Class")
    name: Name = Field(description="keys its draws; no two have the same")
    count: Annotated[int, Field(ge=1, le=10000)] = Field(
        1, description="strategic agents: how many; named name-1, name-2, ..."
    )
    cadence: Positive = Field(60.0, description="seconds between decisions")
    jitter: NonNegative = Field(
        0.2, description="seconds; mean of an exponential addition to the latency of its transactions"
    )
    params: dict[str, Any] = Field(default_factory=dict, description="the kind's own keys, checked by the kind")

    @property
    def names(self) -> list[str]:
        """Its own name, or name-1, name-2, ... where there are several."""
        return [self.name] if self.count == 1 else [f"{self.name}-{i + 1}" for i in range(self.count)]

"""The rules of a protocol as a scenario describes them: its markets, its collateral, its mark, how breaches are served."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from abm.keys import BelowOne, Fraction, Name, NonNegative, Positive, Spec, unique
from abm.options_spec import OptionsSpec
from abm.spec import MarkSpec

__all__ = [
    "AdlSpec",
    "CollateralSpec",
    "LiquidationSpec",
    "PerpSpec",
    "ProtocolSpec",
]


class PerpSpec(Spec):
    """Margin parameters of one perpetual on a protocol."""

    asset: Name = Field(description="the coin; the protocol's venue has a perpetual of it")
    imf: Annotated[float, Field(gt=0, le=1)] = Field(0.05, description="initial margin fraction")
    mmf: Annotated[float, Field(gt=0, le=1)] = Field(0.03, description="maintenance margin fraction")
    oi_lower: NonNegative = Field(0.0, description="open notional from which the initial fraction rises, USD")
    oi_upper: NonNegative = Field(0.0, description="open notional at which it is one; 0: off")

    @model_validator(mode="after")
    def _ordered(self) -> "PerpSpec":
        if self.mmf > self.imf:
            raise ValueError(f"mmf {self.mmf} exceeds imf {self.imf}")
        if (self.oi_lower > 0.0 or self.oi_upper > 0.0) and self.oi_lower >= self.oi_upper:
            raise ValueError(
                f"oi_lower {self.oi_lower} is not below oi_upper {self.oi_upper}; order them, or set both to 0 (off)"
            )
        return self


class CollateralSpec(Spec):
    """A coin, on a chain, that a protocol takes as collateral."""

    asset: Name = Field(description="the coin")
    chain: str = Field("", description="where it is held; empty: the protocol's own chain")
    haircut: Fraction = Field(0.0, description="value taken off: 0.1 counts 90 per cent")
    bridge: str = Field(
        "", description="the bridge that tells of it and carries it, for a chain that is not the protocol's"
    )


def _last(waterfall: tuple[str, ...]) -> tuple[str, ...]:
    if "socialise" in waterfall[:-1]:
        raise ValueError("'socialise' takes whatever is left, so it stands last")
    return waterfall


class AdlSpec(Spec):
    """Auto-deleveraging: when, whom first, at which price."""

    trigger: Literal["account_negative", "vault_negative", "fund_empty"] = Field(
        "fund_empty",
        description="an account may be closed against winners when its own equity is below zero, when the vault's is, or "
        "when it lacks more than the insurance fund has",
    )
    rank: Literal["leverage_profit", "pro_rata", "size", "hedge_aware"] = Field(
        "leverage_profit",
        description="which winners first: by leverage times relative profit, all in proportion to size, the largest "
        "position, or leverage times profit times the unhedged part of the account",
    )
    price: Literal["previous_mark", "bankruptcy"] = Field(
        "bankruptcy",
        description="at which they trade: the mark of the block before, or where the loser's equity is zero",
    )


Layer = Literal["fund", "vault", "adl", "socialise"]


class LiquidationSpec(Spec):
    """How a breach is served, and who pays what is missing."""

    route: Literal["book", "keeper", "vault"] = Field(
        "keeper", description="who closes first: the engine on the book, bidding keepers, or the backstop vault"
    )
    policy: Literal["partial", "whole"] = Field(
        "partial", description="an execution closes as much of a position as restores the target, or all of it"
    )
    target: NonNegative = Field(0.2, description="partial: free margin to restore, as a fraction of maintenance margin")
    least: Fraction = Field(0.2, description="partial: least part of a position that an execution closes")
    dust: NonNegative = Field(500.0, description="partial: positions below this notional are closed whole, USD")
    least_fill: Fraction = Field(
        0.1, description="part of an order that the venue's collar must let through, or else it is not sent"
    )
    penalty: BelowOne = Field(0.01, description="fraction of the closed notional that the account pays")
    keeper_share: Fraction = Field(0.5, description="part of the penalty that goes to the keeper, the rest to the fund")
    rounds: Annotated[int, Field(ge=1, le=50)] = Field(
        8, description="most rounds a block in which liquidations move prices"
    )
    per_round: Annotated[int, Field(ge=1)] = Field(500, description="most executions a round")
    gas: Positive = Field(300000.0, description="gas of one execution")
    backstop_after: NonNegative = Field(
        60.0, description="keeper route: seconds unserved after which the waterfall takes it"
    )
    backstop_below: Annotated[float, Field(le=1)] = Field(
        0.0, description="margin equity over maintenance below which the backstop takes it at once"
    )
    waterfall: Annotated[tuple[Layer, ...], AfterValidator(unique), AfterValidator(_last)] = Field(
        ("fund", "vault", "adl", "socialise"),
        description="who pays what is missing: vault and adl take positions in this order, fund and vault pay debts in "
        "this order, socialise takes what is left, at the next funding, and stands last",
    )
    fund: NonNegative = Field(0.0, description="insurance fund at the start, USD")
    vault: NonNegative = Field(0.0, description="backstop vault's capital at the start, USD")
    vault_leverage: Positive = Field(3.0, description="most notional over equity that the vault carries")
    vault_pace: Fraction = Field(
        0.02,
        description="part of each of its positions that the vault trades away a minute; 0.02 is half in 35 minutes",
    )
    vault_dust: NonNegative = Field(
        1000.0, description="the vault's positions below this notional are closed whole, USD"
    )
    adl: AdlSpec = Field(AdlSpec(), description="auto-deleveraging, where the waterfall has it")


class ProtocolSpec(Spec):
    """A derivatives protocol: its markets, what it takes as collateral, its rules."""

    name: Name = Field(description="by which inhabitants refer to it")
    chain: Name = Field(description="the chain it lives on")
    venue: Name = Field(description="where its perpetuals trade")
    oracle: Name = Field(description="whose feed values collateral, and breaches where breach_price says so")
    preset: str = Field(
        "",
        description="margin rules of a real protocol, a shipped preset or the path of one's own; empty: the fractions of its "
        "markets and the haircuts of its collateral",
    )
    mode: Literal["cross", "isolated"] = Field("cross", description="how its ordinary accounts hold their positions")
    breach_price: Literal["mark", "oracle", "index", "last"] = Field(
        "mark",
        description="the price of its perpetuals at which equity and margin are reckoned, and so breaches decided",
    )
    settlement: Name = Field("USDC", description="the coin of cash, profit and loss, on its own chain")
    markets: tuple[PerpSpec, ...] = Field(min_length=1, description="its perpetuals")
    options: tuple[OptionsSpec, ...] = Field((), description="options on its markets, where its margin rules have them")
    collateral: tuple[CollateralSpec, ...] = Field((), description="what it takes besides the settlement coin at home")
    staleness: Literal["full", "aged", "none"] = Field(
        "aged",
        description="remote collateral whose last message is old: counts nothing past the limit, less with age, or in full",
    )
    staleness_rate: NonNegative = Field(0.0005, description="aged: value lost per second beyond the grace")
    staleness_grace: NonNegative = Field(
        60.0,
        description="seconds of age beyond the usual (delay, finality, message interval) that cost nothing; full: the limit",
    )
    message_interval: Positive = Field(30.0, description="seconds between the messages that tell remote balances")
    mark: MarkSpec = Field(MarkSpec(), description="how its mark price is made")
    liquidation: LiquidationSpec = Field(LiquidationSpec(), description="how breaches are served, and who pays")
    street_leverage: Positive = Field(
        2.0, description="the street's notional over equity; it meets its calls from outside"
    )

    @model_validator(mode="after")
    def _rules_once(self) -> "ProtocolSpec":
        """Either a preset, or fractions and haircuts of one's own."""
        given = [m.asset for m in self.markets if m != PerpSpec(asset=m.asset)]
        given += [c.asset for c in self.collateral if c.haircut > 0.0]
        if self.preset and given:
            raise ValueError(
                f"has preset '{self.preset}', and margin fractions or a haircut of {given[0]}; leave them to the preset"
            )
        return self

"""What a scenario grid is made of, as a preset gives it.

The shape is that of Derive's PMRM_2 (https://github.com/derivexyz/v2-core, src/interfaces/IPMRMLib_2.sol and
IPMRM_2.sol), for several underlyings at once, with dated futures, and with a part of the requirement that may be
taken from a scenario common to all underlyings.
"""

from typing import Annotated, Literal, NamedTuple, Self, get_args

from pydantic import Field, model_validator

from abm.margin.engine import Parameters

__all__ = [
    "VOLS",
    "Basis",
    "Contingency",
    "Factors",
    "Feeds",
    "Grid",
    "GridCoin",
    "GridMarket",
    "GridUnderlying",
    "Joint",
    "Scenario",
    "ScenarioGridParameters",
    "SkewShock",
    "VolShock",
]

Vol = Literal["none", "up", "down", "linear", "abs"]

VOLS: tuple[str, ...] = get_args(Vol)
"""What a scenario can do to volatilities; kernels know them by position."""

Real = Annotated[float, Field(allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Scenario(NamedTuple):
    """Spot times `spot`, volatilities shocked by `vol`, and what comes of it times `dampening`."""

    spot: NonNegative
    vol: Vol
    dampening: NonNegative


class VolShock(Parameters):
    """Volatility times 1 + range_up x or max(1 - range_down x, 0), x = (30 days / max(time left, floor))^power."""

    range_up: NonNegative = Field(description="rise of volatility at 30 days")
    range_down: NonNegative = Field(description="fall of volatility at 30 days")
    short_term_power: NonNegative = Field(description="power of the time left up to 30 days")
    long_term_power: NonNegative = Field(description="power of the time left beyond 30 days")
    dte_floor_days: NonNegative = Field(description="least time left that counts, days")
    min_vol_up: NonNegative = Field(description="least volatility in a scenario with a rise")


class SkewShock(Parameters):
    """Volatility times 1 + clip(k cap / k*, -cap, cap), k = ln(strike / forward), |k| in `abs`."""

    linear_cap: NonNegative = Field(description="cap of the linear shock, at expiry")
    linear_cbase: Real = Field(description="its change per square root of a year")
    abs_cap: NonNegative = Field(description="cap of the absolute shock, at expiry")
    abs_cbase: Real = Field(description="its change per square root of a year")
    min_k_star: NonNegative = Field(description="least k* at which the cap is reached")
    width_scale: NonNegative = Field(description="k* per square root of a year and volatility")
    vol_static: NonNegative = Field(description="the volatility in k*, at expiry")
    vol_scale: Real = Field(description="its change per square root of a year")


class Factors(Parameters):
    """How the loss counts, and what a shocked value of an expiry is multiplied by."""

    im_factor: NonNegative = Field(description="the worst loss times this is initial margin")
    mm_factor: NonNegative = Field(description="the worst loss times this is maintenance margin")
    long_static_discount: NonNegative = Field(description="factor of a positive shocked value")
    long_rate_mult: NonNegative = Field(description="further discount rate of it per rate")
    long_rate_add: NonNegative = Field(description="further discount rate of it")
    short_static_discount: NonNegative = Field(description="factor of a negative shocked value")
    short_rate_mult: NonNegative = Field(description="growth rate of it per rate")
    short_rate_add: NonNegative = Field(description="growth rate of it")


class Basis(Parameters):
    """Each expiry's worse loss of two moves of the spot times add_factor + mult_factor years."""

    spot_up: Annotated[float, Field(gt=1, allow_inf_nan=False)] = Field(description="spot times this")
    spot_down: Annotated[float, Field(ge=0, lt=1)] = Field(description="or times this")
    add_factor: NonNegative = Field(description="part of the loss that counts at expiry")
    mult_factor: NonNegative = Field(description="more of it per year")


class Contingency(Parameters):
    """Additions per notional at spot; initial ones come on top of maintenance ones."""

    im_perp: NonNegative = Field(description="of perpetuals and dated futures, initial only")
    mm_perp: NonNegative = Field(description="of perpetuals and dated futures")
    im_option: NonNegative = Field(description="of naked short options, initial only")
    mm_option: NonNegative = Field(description="of naked short options")


class Feeds(Parameters):
    """Initial margin for doubtful feeds and for a settlement asset off its peg."""

    confidence_threshold: NonNegative = Field(description="confidence from which on nothing is added")
    confidence_margin: NonNegative = Field(description="below it, times 1 - confidence, per notional")
    peg_loss_threshold: NonNegative = Field(
        description="price of the settlement asset from which on nothing is added, USD"
    )
    peg_loss_factor: NonNegative = Field(description="what is missing to it times this is added to im_factor")


class Grid(Parameters):
    """The rules of one underlying; several may share them."""

    scenarios: tuple[Scenario, ...] = Field(min_length=1, description="spot multiplier, vol shock, dampening")
    vol_shock: VolShock
    skew_shock: SkewShock
    margin: Factors
    basis: Basis
    contingency: Contingency


class GridUnderlying(Parameters):
    """One underlying."""

    grid: str = Field(description="name of its rules")
    beta: Real = Field(1.0, description="its relative move per relative move of the joint scenario's spot")


class GridMarket(Parameters):
    """A perpetual, or a dated future: a market whose price is a forward."""

    underlying: str = Field(description="what it is on")
    seconds: NonNegative = Field(0.0, description="time to expiry of a dated future; 0: a perpetual")


class GridCoin(Parameters):
    """One collateral."""

    im_haircut: Fraction = Field(description="value taken off, initial only")
    mm_haircut: Fraction = Field(description="value taken off")
    cancels: str | None = Field(None, description="the underlying with which it moves in scenarios; none: it does not")


class Joint(Parameters):
    """Scenarios in which all underlyings move at once, and how much of the requirement is theirs.

    With L_u the loss of each underlying alone and J that of all together, the loss that counts is
    (1 - offset) sum of L_u + offset J: a margin reduction of a stated part of what joint estimation would save.
    Clearing houses in the EU may reduce by at most 0.8 of it (Commission Delegated Regulation 153/2013, article 27).
    """

    offset: Fraction = Field(0.0, description="part of the requirement that is the joint one's; 0: underlyings add up")
    scenarios: tuple[Scenario, ...] = Field((), description="spot multiplier at a beta of one, vol shock, dampening")

    @model_validator(mode="after")
    def _has_scenarios(self) -> Self:
        if self.offset > 0.0 and not self.scenarios:
            raise ValueError("an offset above 0 needs joint scenarios")
        return self


class ScenarioGridParameters(Parameters):
    """Rules by name, and underlyings, markets and collateral by asset."""

    grids: dict[str, Grid]
    underlyings: dict[str, GridUnderlying]
    markets: dict[str, GridMarket]
    coins: dict[str, GridCoin] = Field(default_factory=dict)
    feeds: Feeds
    joint: Joint = Field(default_factory=Joint)

    @model_validator(mode="after")
    def _names_are_there(self) -> Self:
        for name, underlying in self.underlyings.items():
            if underlying.grid not in self.grids:
                raise ValueError(f"underlying {name}: no grid '{underlying.grid}'; there are {', '.join(self.grids)}")
        named = [(f"market {n}", m.underlying) for n, m in self.markets.items()]
        named += [(f"collateral {n}", c.cancels) for n, c in self.coins.items() if c.cancels is not None]
        for what, name in named:
            if name not in self.underlyings:
                raise ValueError(f"{what}: no underlying '{name}'; there are {', '.join(self.underlyings)}")
        return self

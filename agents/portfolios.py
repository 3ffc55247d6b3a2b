"""Portfolios of ordinary accounts, drawn from a cohort's description: equity, leverage, markets, sides, collateral.

Draws are keyed by the owner, so the same owner has the same portfolio whatever else lives in the world, and in
cross as in isolated margin.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from abm.draws import Draws
from abm.identity import OWNER_STRIDE
from abm.keys import Fraction, NonNegative, Positive
from abm.ledger import CROSS, ISOLATED
from abm.protocol.protocol import Protocol
from abm.protocol.subaccounts import stand
from agents.resident import Params

__all__ = ["CoinShare", "Portfolio", "PortfolioParams", "draw_portfolios", "open_portfolios"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SLACK = 0.9
"""Opening portfolios use at most this part of what the initial margin allows."""

MOST_POSITIONS = OWNER_STRIDE - 2
"""Positions of an owner at most: each has a sub-account of its own under isolated margin, and portfolios are the same
in both modes."""


class CoinShare(Params):
    """Part of the collateral that some of the accounts hold in a coin."""

    asset: str = Field(description="the coin")
    chain: str = Field("", description="empty: the protocol's own")
    accounts: Fraction = Field(description="share of the accounts that hold it")
    part: Fraction = Field(description="part of their equity that it is")


class PortfolioParams(Params):
    """What the portfolios of a cohort look like."""

    twin: str = Field(
        "", description="a cohort on another protocol whose owners these are: same draws, same portfolios"
    )
    accounts: Annotated[int, Field(ge=1, le=5_000_000)] = Field(description="how many")
    equity: Positive = Field(5000.0, description="median equity, USD")
    equity_sigma: NonNegative = Field(1.5, description="standard deviation of its logarithm")
    equity_max: Positive = Field(5e7, description="largest equity, USD")
    leverage: Positive = Field(3.0, description="median gross notional over equity")
    leverage_sigma: NonNegative = Field(0.7, description="standard deviation of its logarithm")
    leverage_max: Positive = Field(50.0, description="largest leverage")
    positions: Positive = Field(2.0, description="mean number of positions")
    markets: dict[str, Positive] = Field(default_factory=dict, description="weights of assets; empty: equal")
    long_share: Fraction = Field(0.6, description="probability that a position is long")
    one_sided: Fraction = Field(0.5, description="probability that an account takes one side in all its positions")
    age: NonNegative = Field(5.0, description="days over which entry prices have drifted")
    coins: tuple[CoinShare, ...] = Field((), description="collateral other than cash")
    wallet: NonNegative = Field(0.3, description="idle wallet over equity, median")
    wallet_chain: str = Field("", description="where the idle wallet lies; empty: the protocol's own chain")


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Drawn portfolios: owner i has equity[i] and leveraged notional split over slots.

    `equity` float64[n]; `notional` float64[n, K] signed USD by slot; `market` int64[n, K] (-1: none);
    `gain` float64[n, K] relative drift of price since entry; `coin_part` float64[n, C] part of equity in each coin
    share; `wallet` float64[n] USD.
    """

    equity: Floats
    notional: Floats
    market: Ints
    gain: Floats
    coin_part: Floats
    wallet: Floats


def draw_portfolios(params: Any, protocol: Protocol, owners: Ints, draws: Draws, volatility: Floats) -> Portfolio:
    """Draw the portfolios of some owners.

    `volatility` float64[M] is the usual one per square root of a second of each market's coin; entry prices have
    drifted by it over the account's age.
    """
    n = len(owners)
    equity = params.equity * np.exp(params.equity_sigma * draws.normal("equity", owners, 0))
    equity = np.minimum(equity, params.equity_max)
    leverage = params.leverage * np.exp(params.leverage_sigma * draws.normal("leverage", owners, 0))
    leverage = np.minimum(leverage, params.leverage_max)
    market = _markets(params, protocol, owners, draws)
    slots = market.shape[1]
    live = market >= 0
    event = np.arange(slots)
    who = owners[:, None]
    weight = np.where(live, draws.exponential("weight", who, event), 0.0)
    weight /= weight.sum(axis=1, keepdims=True)
    own = draws.uniform("side", who, event) < params.long_share
    first = draws.uniform("one sided", owners, 0) < params.one_sided
    long = np.where(first[:, None], own[:, :1], own)
    notional = np.where(long, 1.0, -1.0) * weight * (equity * leverage)[:, None]
    drift = np.append(volatility, 0.0)[market] * np.sqrt(params.age * 86400.0)
    gain = np.clip(drift * draws.normal("entry", who, event), -0.6, 0.6)
    coin_part = np.zeros((n, len(params.coins)))
    for c, share in enumerate(params.coins):
        coin_part[:, c] = np.where(draws.uniform("coin", owners, c) < share.accounts, share.part, 0.0)
    coin_part /= np.maximum(coin_part.sum(axis=1, keepdims=True), 1.0)
    wallet = params.wallet * equity * np.exp(draws.normal("wallet", owners, 0))
    return Portfolio(equity, np.where(live, notional, 0.0), market, gain, coin_part, wallet)


def _markets(params: Any, protocol: Protocol, owners: Ints, draws: Draws) -> Ints:
    """int64[n, K]: distinct markets of each owner, by the Gumbel-top-k rule for weights without replacement."""
    count = len(protocol.markets)
    weights = np.array([params.markets.get(a, 0.0) if params.markets else 1.0 for a in protocol.assets])
    slots = min(protocol.ledger.slots, int((weights > 0).sum()), MOST_POSITIONS)
    gumbel = -np.log(draws.exponential("market", owners[:, None], np.arange(count)))
    with np.errstate(divide="ignore"):
        order = np.argsort(-(np.log(weights) + gumbel), axis=1, kind="stable")[:, :slots]
    wanted = 1 + np.floor(draws.exponential("positions", owners, 0) * max(params.positions - 0.5, 0.0)).astype(np.int64)
    return np.asarray(np.where(np.arange(slots) < np.clip(wanted, 1, slots)[:, None], order, -1))


def open_portfolios(protocol: Protocol, portfolio: Portfolio, params: Any, owners: Ints, cohort: int) -> Ints:
    """Open the accounts at today's prices against the street; their ids.

    Under cross margin an owner has one account, under isolated margin one for each position with the same part of
    the collateral as of the initial margin.
    """
    split = _initial_share(protocol, portfolio)
    holders = protocol.treasury.add_owners(owners)
    isolated = protocol.spec.mode == "isolated"
    if isolated:
        owner_index, slot = np.nonzero(portfolio.market >= 0)
        ids = owners[owner_index] + 2 + slot
        part = split[owner_index, slot]
    else:
        owner_index = np.arange(len(owners))
        ids, part = owners + 1, np.ones(len(owners))
    rows = protocol.ledger.add(
        ids, owners[owner_index], holders[owner_index], mode=ISOLATED if isolated else CROSS, cohort=cohort,
        now=protocol.tape.time,
    )  # fmt: skip
    _fund(protocol, portfolio, params, rows, holders[owner_index], owner_index, part)
    _take_positions(protocol, portfolio, rows, owner_index, isolated)
    _idle_wallets(protocol, portfolio, params, holders)
    return ids


def _initial_share(protocol: Protocol, portfolio: Portfolio) -> Floats:
    """float64[n, K]: each position's part of the owner's initial margin."""
    imf = np.append(protocol.terms.imf, 0.0)[portfolio.market]
    need = np.abs(portfolio.notional) * imf
    return np.asarray(need / np.maximum(need.sum(axis=1, keepdims=True), 1e-300))


def _fund(
    protocol: Protocol, portfolio: Portfolio, params: Any, rows: Ints, holders: Ints, index: Ints, part: Floats
) -> None:
    """Deposits of the settlement asset and of coins, and the scaling down of what the initial margin does not allow."""
    equity = portfolio.equity[index] * part
    coin_part = portfolio.coin_part[index]
    for c, share in enumerate(params.coins):
        h = protocol.collaterals.index((share.asset, share.chain or protocol.chain))
        price = float(protocol.terms.coin_price[h])
        protocol.endow(rows, equity * coin_part[:, c] / price, h)
    cash = equity * (1.0 - coin_part.sum(axis=1))
    protocol.treasury.inject(protocol.holder, protocol.cash_token, float(np.sum(cash)))
    protocol.endow(rows, cash)


def _take_positions(protocol: Protocol, portfolio: Portfolio, rows: Ints, index: Ints, isolated: bool) -> None:
    """Positions at the price that decides breaches, as far as the initial margin allows; the street takes the rest."""
    ledger, terms = protocol.ledger, protocol.terms
    if isolated:
        _, slot = np.nonzero(portfolio.market >= 0)
        market = portfolio.market[index, slot][:, None]
        notional, gain = portfolio.notional[index, slot][:, None], portfolio.gain[index, slot][:, None]
    else:
        market, notional, gain = portfolio.market, portfolio.notional, portfolio.gain
    need = np.sum(np.abs(notional) * np.append(terms.imf, 0.0)[market], axis=1)
    room = SLACK * protocol.engine.assess(ledger, terms, rows).margin_equity
    scale = np.minimum(1.0, np.divide(room, need, out=np.ones(len(rows)), where=need > 0))
    if not protocol.engine.linear:
        scale = _shrunk(protocol, rows, market, notional, scale)
    size = notional * scale[:, None] / np.append(terms.price, 1.0)[market]
    i, k = np.nonzero(market >= 0)
    sizes, markets = size[i, k], market[i, k]
    prices = terms.price[markets]
    stand(protocol, rows[i], markets, sizes, prices)
    drift = gain[i, k] * np.sign(sizes)
    held = ledger.slot_market[rows[i]] == markets[:, None]
    where = np.argmax(held, axis=1)
    ledger.slot_entry[rows[i], where] = prices / (1.0 + drift * np.sign(sizes))
    np.subtract.at(ledger.deposited, rows[i], sizes * (prices - ledger.slot_entry[rows[i], where]))


def _shrunk(protocol: Protocol, rows: Ints, market: Ints, notional: Floats, scale: Floats) -> Floats:
    """float64[rows]: the scale, a tenth less at a time until the family's own initial margin allows the positions."""
    ledger, terms, scale = protocol.ledger, protocol.terms, scale.copy()
    left = np.arange(len(rows))
    while len(left):
        book = ledger.copy(rows[left])
        i, k = np.nonzero(market[left] >= 0)
        markets = market[left][i, k]
        sizes = (notional[left] * scale[left, None])[i, k] / terms.price[markets]
        book.trade(i, markets, sizes, terms.price[markets], terms.funding, 0.0)
        view = protocol.engine.assess(book, terms, np.arange(len(left)))
        over = (view.im > SLACK * view.margin_equity) & (scale[left] > 0.0)
        left = left[over]
        scale[left] = np.where(scale[left] > 1e-3, 0.9 * scale[left], 0.0)
    return scale


def _idle_wallets(protocol: Protocol, portfolio: Portfolio, params: Any, holders: Ints) -> None:
    token = protocol.treasury.token(protocol.spec.settlement, params.wallet_chain or protocol.chain)
    protocol.treasury.inject_many(holders, token, portfolio.wallet)

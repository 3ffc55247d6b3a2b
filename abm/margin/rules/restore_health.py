"""How much to liquidate until health is back at zero, where a token's balance weighs otherwise below zero than above
(Mango v4).

*A position.* Each coin closed adds `gain` to the balance of the token that the market settles in: first the balance climbs
to zero at its liability weight, then above it at its asset weight.

*A token with a token.* x of the debt is repaid with x * p_l * fee / p_a of another token:
x = -health / (p_l w_l - w_a p_l fee), at most the debt, and at most what the other token pays for.

blockworks-foundation/mango-v4, programs/mango-v4/src/instructions/perp_liq_base_or_positive_pnl.rs, liq_token_with_token.rs
(`liquidation_action`), with the health of the end of a liquidation.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abm.margin.rules.cover_shortage import covering

__all__ = ["debt_to_restore_health", "quantity_to_restore_health"]

Floats = NDArray[np.float64]


def quantity_to_restore_health(
    health: ArrayLike, balance: ArrayLike, asset_value: ArrayLike, liability_value: ArrayLike, gain: ArrayLike,
    whole: ArrayLike,
) -> Floats:  # fmt: skip
    """Coins of a position to close, without sign: the least with which health is not below zero, at most the whole.

    Parameters
    ----------
    health
        Before, USD.
    balance
        Of the token that the market settles in, with what its positions count, tokens.
    asset_value, liability_value
        What one token counts in a balance above and below zero, USD.
    gain
        Tokens that one coin closed adds to the balance.
    whole
        The position, coins without sign.
    """
    short = np.maximum(-np.asarray(health, dtype=np.float64), 0.0)
    below = np.maximum(-np.asarray(balance, dtype=np.float64), 0.0)
    climbed = np.minimum(short, below * np.asarray(liability_value, dtype=np.float64))
    tokens = covering(climbed, liability_value) + covering(short - climbed, asset_value)
    return np.asarray(np.minimum(covering(tokens, gain), np.asarray(whole, dtype=np.float64)))


def debt_to_restore_health(
    health: ArrayLike, debt: ArrayLike, held: ArrayLike, debt_prices: tuple[ArrayLike, ArrayLike],
    held_prices: tuple[ArrayLike, ArrayLike], fee: ArrayLike,
) -> Floats:  # fmt: skip
    """Tokens of a debt to repay out of another balance: the least with which health is not below zero, if there is.

    Parameters
    ----------
    health
        Before, USD.
    debt, held
        What is owed of the one and held of the other, tokens without sign, both as they count in health.
    debt_prices, held_prices
        Price and weight of each: liability weight of the debt, asset weight of what is held.
    fee
        1 + the liquidation fees of both.
    """
    price, liability = (np.asarray(x, dtype=np.float64) for x in debt_prices)
    paid, asset = (np.asarray(x, dtype=np.float64) for x in held_prices)
    dear = price * np.asarray(fee, dtype=np.float64)
    short = np.maximum(-np.asarray(health, dtype=np.float64), 0.0)
    most = np.minimum(np.asarray(debt, dtype=np.float64), np.asarray(held, dtype=np.float64) * paid / dear)
    return np.asarray(np.minimum(covering(short, price * liability - asset * dear), most))

"""How much a liquidator takes over so that a shortage of margin is covered (Drift v2).

A perpetual of price p, with the quote asset at q:

    size = shortage / (p q (margin ratio - liquidator fee) - p insurance fee)

and a borrow of price p_l against a deposit, with m = 1 +- the liquidator fees as multipliers:

    transfer = shortage / (p_l (w_l - w_a m_a / m_l) - p_l insurance fee w_l)

Infinite where taking over frees nothing: then all may be taken.
drift-labs/protocol-v2, programs/drift/src/math/liquidation.rs (`calculate_base_asset_amount_to_cover_margin_shortage`,
`calculate_liability_transfer_to_cover_margin_shortage`).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["base_size_to_cover_shortage", "covering", "liability_transfer_to_cover_shortage"]

Floats = NDArray[np.float64]


def base_size_to_cover_shortage(
    shortage: ArrayLike, ratio: ArrayLike, liquidator_fee: ArrayLike, insurance_fee: ArrayLike, price: ArrayLike,
    quote_price: ArrayLike = 1.0,
) -> Floats:  # fmt: skip
    """Coins of a perpetual to close.

    Parameters
    ----------
    shortage
        Margin requirement, with the buffer, less collateral, USD.
    ratio
        Margin ratio of the position, with the buffer.
    liquidator_fee, insurance_fee
        Parts of the value closed that the account pays.
    price, quote_price
        Of the coin in the quote asset, and of the quote asset in USD.
    """
    price, quote_price = np.asarray(price, dtype=np.float64), np.asarray(quote_price, dtype=np.float64)
    ratio, liquidator_fee = np.asarray(ratio, dtype=np.float64), np.asarray(liquidator_fee, dtype=np.float64)
    freed = price * quote_price * (ratio - liquidator_fee) - price * np.asarray(insurance_fee, dtype=np.float64)
    return covering(shortage, freed)


def liability_transfer_to_cover_shortage(
    shortage: ArrayLike, asset_weight: ArrayLike, asset_multiplier: ArrayLike, liability_weight: ArrayLike,
    liability_multiplier: ArrayLike, liability_price: ArrayLike, insurance_fee: ArrayLike,
) -> Floats:  # fmt: skip
    """Coins of a borrow to take over against a deposit.

    Parameters
    ----------
    shortage
        As for a perpetual, USD.
    asset_weight, liability_weight
        Of the deposit and of the borrow, with the buffer.
    asset_multiplier, liability_multiplier
        1 + the liquidator fee of the deposit's market, 1 - that of the borrow's.
    liability_price
        Of the borrow's coin, USD.
    insurance_fee
        Part of the value taken over that goes to the insurance fund.
    """
    asset, liability = np.asarray(asset_weight, dtype=np.float64), np.asarray(liability_weight, dtype=np.float64)
    price = np.asarray(liability_price, dtype=np.float64)
    ratio = np.asarray(asset_multiplier, dtype=np.float64) / np.asarray(liability_multiplier, dtype=np.float64)
    fee = np.asarray(insurance_fee, dtype=np.float64)
    freed = price * (liability - asset * ratio) - price * fee * liability
    return covering(shortage, freed)


def covering(amount: ArrayLike, rate: ArrayLike) -> Floats:
    """amount / rate: how much brings an amount; infinite where a rate of zero or below brings nothing, zero where nothing
    is needed."""
    amount, rate = np.maximum(np.asarray(amount, dtype=np.float64), 0.0), np.asarray(rate, dtype=np.float64)
    shape = np.broadcast_shapes(amount.shape, rate.shape)
    never = np.array(np.broadcast_to(np.where(amount > 0.0, np.inf, 0.0), shape))
    return np.asarray(np.divide(amount, rate, out=never, where=rate > 0.0))

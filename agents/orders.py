"""The keys of whoever trades one protocol's perpetuals: where, what it keeps for fees, how its orders travel."""

from pydantic import Field

from abm.keys import NonNegative, Positive
from agents.resident import Params

__all__ = ["OrderParams"]


class OrderParams(Params):
    """Keys that traders share."""

    protocol: str = Field(description="where it trades perpetuals")
    wallet: NonNegative = Field(100.0, description="USD kept on the protocol's chain for fees")
    slippage: Positive = Field(
        0.05, description="largest move of the price, as a fraction, at which an order is filled"
    )
    latency: NonNegative = Field(0.5, description="seconds until an order reaches venue or chain")
    tip: NonNegative = Field(1e-9, description="USD per gas over the base fee")

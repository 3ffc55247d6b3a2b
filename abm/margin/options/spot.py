"""Black-Scholes-Merton: options on a spot with a continuous dividend, by the chain rule from Black-76.

F = S exp((r - q) T), so F_S = F / S, F_T = (r - q) F, F_r = T F, F_q = -T F
(R. C. Merton, Theory of rational option pricing, Bell Journal of Economics 4, 1973; Haug 2007, chapter 1 and 2).

Signs and units are those of `greeks`, with the spot in the place of the forward and held when rate or time moves;
besides its columns: `dividend_rho` (V_q), `strike_delta` (V_K) and `elasticity` (S V_S / V).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abm.margin.options.greeks import NAMES, greeks

__all__ = ["spot_greeks"]

Floats = NDArray[np.float64]


def spot_greeks(
    spot: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, rates: tuple[ArrayLike, ArrayLike],
    call: ArrayLike,
) -> dict[str, Floats]:  # fmt: skip
    """Price and Greeks by name, float64 each, broadcast over all; `rates` are (rate, dividend).

    `elasticity` is nan where the price is 0.
    """
    s, k, t, r, q = (np.asarray(x, np.float64) for x in (spot, strike, years, *rates))
    t = np.maximum(t, 0.0)
    growth, carry = np.exp((r - q) * t), r - q
    f = s * growth
    on_forward = greeks(f, k, t, vol, r, call)
    v = {name: on_forward[..., i] for i, name in enumerate(NAMES)}
    result = {"price": v["price"], "vega": v["vega"], "volga": v["volga"]}
    result |= _by_spot(v, f, growth, carry, t) | _by_rate_and_time(v, f, carry, t)
    result["dividend_rho"] = -t * f * v["delta"]
    result["strike_delta"] = (v["price"] - f * v["delta"]) / k
    some = v["price"] != 0.0
    result["elasticity"] = np.where(some, s * result["delta"] / np.where(some, v["price"], 1.0), np.nan)
    return {name: np.asarray(value) for name, value in result.items()}


def _by_spot(v: dict[str, Floats], f: Floats, growth: Floats, carry: Floats, t: Floats) -> dict[str, Floats]:
    """Derivatives of which one is by the spot."""
    return {
        "delta": growth * v["delta"],
        "gamma": growth * growth * v["gamma"],
        "vanna": growth * v["vanna"],
        "charm": growth * (v["charm"] - carry * (f * v["gamma"] + v["delta"])),
        "delta_rho": growth * (v["delta_rho"] + t * (f * v["gamma"] + v["delta"])),
    }


def _by_rate_and_time(v: dict[str, Floats], f: Floats, carry: Floats, t: Floats) -> dict[str, Floats]:
    """Derivatives by time, rate, and volatility with either."""
    dollar_delta, dollar_gamma = f * v["delta"], f * f * v["gamma"]
    bend = dollar_gamma + dollar_delta
    by_rate_time = -v["rho_decay"] - t * f * v["charm"] + carry * f * v["delta_rho"] + t * carry * bend + dollar_delta
    return {
        "theta": v["theta"] - carry * dollar_delta,
        "rho": v["rho"] + t * dollar_delta,
        "veta": v["veta"] - carry * f * v["vanna"],
        "vera": v["vera"] + t * f * v["vanna"],
        "theta_decay": v["theta_decay"] - 2.0 * carry * f * v["charm"] + carry * carry * bend,
        "rho_decay": -by_rate_time,
        "rho_convexity": v["rho_convexity"] + 2.0 * t * f * v["delta_rho"] + t * t * bend,
    }

"""What is added to the scenario loss: for size, for naked short options, for collateral, for doubtful feeds and for a lost
peg (Derive PMRM_2; https://github.com/derivexyz/v2-core, src/risk-managers/PMRMLib_2.sol, addPrecomputes)."""

from numba import njit

__all__ = ["doubt", "doubt_python", "naked", "naked_python", "peg_term", "peg_term_python"]


def doubt_python(confidence: float, threshold: float, rate: float) -> float:
    """Initial margin per notional where a feed's confidence is below a threshold, else 0."""
    return (1.0 - confidence) * rate if confidence < threshold else 0.0


doubt = njit(cache=True)(doubt_python)


def naked_python(net: float) -> float:
    """Short options that no long ones of the same strike and expiry stand against, calls and puts alike."""
    return max(-net, 0.0)


naked = njit(cache=True)(naked_python)


def peg_term_python(stable: float, threshold: float, factor: float) -> float:
    """What is added to the initial factor while the settlement asset is below a price."""
    return max(threshold - stable, 0.0) * factor


peg_term = njit(cache=True)(peg_term_python)

"""What is set aside for whoever liquidates an account (Synthetix v3 perps).

With cost = flag cost * feeds + liquidation cost: reward = min(max(cost + least, cost * (1 + profit), flag rewards + cost),
most), most = min(max reward, collateral * scaling), or the max reward alone without any collateral.  An account that takes
more than one liquidation window holds, for each further one, the reward of a liquidation without flag.
Synthetixio/synthetix-v3, markets/perps-market/contracts/storage/GlobalPerpsMarketConfiguration.sol (`keeperReward`) and
PerpsAccount.sol (`getPossibleLiquidationReward`).
"""

from numba import njit

__all__ = ["keeper_reward", "keeper_reward_python", "possible_reward", "possible_reward_python"]


def keeper_reward_python(
    rewards: float, cost: float, collateral: float, guards: tuple[float, float, float, float]
) -> float:  # fmt: skip
    """USD (or any unit): the reward for flag rewards and a cost of execution, at some collateral.

    `guards` are least profit, least profit over cost, max reward, and most over collateral.
    """
    least, profit, most, scaling = guards
    floor = max(cost + least, cost * (1.0 + profit), rewards + cost)
    cap = min(most, collateral * scaling) if collateral > 0.0 else most
    return min(floor, cap)


keeper_reward = njit(cache=True)(keeper_reward_python)


def possible_reward_python(
    rewards: float, flag_cost: float, cost: float, windows: float, collateral: float,
    guards: tuple[float, float, float, float],
) -> float:  # fmt: skip
    """USD: all rewards that liquidating an account can cost, `windows` the most that any of its positions takes."""
    first: float = keeper_reward(rewards, flag_cost + cost, collateral, guards)
    further: float = keeper_reward(0.0, cost, 0.0, guards)
    return first + further * max(windows - 1.0, 0.0)


possible_reward = njit(cache=True)(possible_reward_python)

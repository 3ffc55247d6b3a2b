"""What keepers are paid: figures of Synthetixio/synthetix-v3, markets/perps-market/test/integration/KeeperRewards."""

import pytest

from abm.margin.rules.keeper_reward import keeper_reward, keeper_reward_python, possible_reward, possible_reward_python


@pytest.mark.parametrize(
    ("rewards", "cost", "collateral", "guards", "reward"),
    [
        (0.0, 8_888.0, 1e22, (1.0, 0.005, 1e19, 0.005), 8_932.44),
        (0.0, 8_888.0, 1e22, (1.0, 0.005, 100.0, 0.005), 100.0),
        (5.0, 0.0, 1e4, (0.0, 0.005, 10.0, 0.005), 5.0),
        (1_080.0, 0.0, 24_000.0, (10.0, 0.0, 1_000.0, 0.5), 1_000.0),
        (435.0, 0.0, 200.0, (1.0, 0.01, 110.0, 10.0), 110.0),
        (0.0, 0.0, 100.0, (5.0, 0.0, 100.0, 1.0), 5.0),
        (50.0, 1.0, 60.0, (5.0, 0.0, 100.0, 0.5), 30.0),
        (500.0, 1.0, 0.0, (5.0, 0.0, 100.0, 0.5), 100.0),
    ],
)
def test_rewards(rewards: float, cost: float, collateral: float, guards: tuple[float, ...], reward: float) -> None:
    for function in (keeper_reward, keeper_reward_python):
        assert function(rewards, cost, collateral, guards) == pytest.approx(reward, rel=1e-12)


def test_each_further_window_costs_a_liquidation_without_flag() -> None:
    """Of KeeperRewards.Large-Position.test.ts: 201 in windows of 100; a flag, then two liquidations more."""
    guards = (1.0, 0.0, 20.0, 0.005)
    for function in (possible_reward, possible_reward_python):
        first = function(10.05, 0.3333, 0.5555, 1.0, 100_000.0, guards)
        assert first == pytest.approx(10.05 + 0.3333 + 0.5555)
        assert function(10.05, 0.3333, 0.5555, 3.0, 100_000.0, guards) == pytest.approx(first + 2.0 * 1.5555)
        assert function(10.05, 0.3333, 0.5555, 0.0, 100_000.0, guards) == pytest.approx(first)

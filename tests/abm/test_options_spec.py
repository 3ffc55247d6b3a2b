import tomllib
from typing import Any

import pytest

from abm.errors import ScenarioError
from abm.margin.options.smile import Smile
from abm.model import CrossMarginModel
from abm.options_spec import OptionsSpec, SmileSpec
from abm.scenario import Scenario
from tests.abm.protocol.options.worlds import option_table, options_scenario
from tests.agents.worlds import small_scenario


def test_the_default_smile_is_one() -> None:
    assert Smile(**SmileSpec().model_dump()).long_vol == 0.43


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"smile": {"rho": -0.9, "eta": 1.2}}, r"eta 1.2 exceeds 2 / \(1 \+ \|rho\|\) = 1.05263"),
        ({"smile": {"long_vol": 4.0}}, "long_vol 4.0 is not from least_vol 0.1 to most_vol 3.0"),
        ({"expiries": []}, "there is no expiry; give expiries"),
        ({"vol": 5.0}, "vol 5.0 is not from least_vol"),
        ({"strikes": [-1.0]}, "strikes"),
        ({"strikes": []}, "strikes"),
        ({"step": 0.0}, "step"),
        ({"asset": "DOGE"}, "unknown name 'DOGE'"),
        ({"daily": 12, "weekly": 12, "strikes": [i / 100 for i in range(30)]}, "series at once, more than 1000"),
        ({"expiry": 3.0}, "expiry"),
    ],
)
def test_a_mistake_is_named(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        options_scenario(options=[keys])


def test_two_tables_of_one_coin_and_isolated_margin_are_mistakes() -> None:
    with pytest.raises(ScenarioError, match="BTC is there twice; put all its expiries into one"):
        options_scenario(options=[{}, {}])
    with pytest.raises(ScenarioError, match="an isolated account holds one position and no options"):
        options_scenario(change={"protocols.harbor.mode": "isolated"})


def test_a_protocol_whose_rules_have_no_options_says_which_have() -> None:
    scenario = small_scenario(change={"protocols.harbor.options": [option_table()]})
    with pytest.raises(ScenarioError, match=r"protocols.harbor.options: its own fractions have no margin for options"):
        CrossMarginModel(scenario)
    with pytest.raises(ScenarioError, match=r"the family backstop of 'hyperliquid' has .*\(there: scenario_grid\)"):
        CrossMarginModel(options_scenario(change={"protocols.harbor.preset": "hyperliquid"}))


def test_the_scenario_reads_back_as_it_was_written() -> None:
    scenario = options_scenario()
    assert Scenario.from_dict(tomllib.loads(scenario.to_toml())) == scenario


def test_how_many_series_there_can_be() -> None:
    assert OptionsSpec.model_validate(option_table(daily=2, weekly=1, monthly=3)).most == 2 * 5 * 7

"""One run: a record, or its summary alone."""

from experiments.simulate import simulate, summarise
from tests.abm.worlds import stressed_scenario


def test_a_summary_alone_is_that_of_the_record() -> None:
    scenario = stressed_scenario()
    record = simulate(scenario)
    assert record.summary["liquidations"] > 0
    assert summarise(scenario).summary == record.summary

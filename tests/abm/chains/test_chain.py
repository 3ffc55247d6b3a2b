"""Blocks: order, gas, fees, partial bundles, expiry, outages, finality."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.chains.chain import Chain, Inclusion, Transaction, next_base_fee
from abm.spec import ChainSpec

START_FEE = 2e-9


def chain(**keys: Any) -> Chain:
    defaults = {"name": "anvil", "gas_limit": 1000.0, "background_gas": 0.0, "base_fee": START_FEE, "expiry": 1e6}
    return Chain(ChainSpec(**(defaults | keys)))


def transaction(sender: str = "ann", sequence: int = 0, **keys: Any) -> Transaction:
    defaults: dict[str, Any] = {
        "kind": "trade",
        "arrival": 0.0,
        "tip": 0.0,
        "gas": 100.0,
        "run": lambda inclusion: None,
    }
    return Transaction(sender, sequence, **(defaults | keys))


def names(included: list[Inclusion]) -> list[tuple[str, int]]:
    return [(i.transaction.sender, i.transaction.sequence) for i in included]


@pytest.mark.parametrize(
    ("used", "expected"), [(10e6, 1e9), (9e6, 987_500_000), (11e6, 1_012_500_000), (20e6, 1_125_000_000), (0, 875e6)]
)
def test_base_fee_moves_as_in_eip_1559(used: float, expected: float) -> None:
    # go-ethereum, consensus/misc/eip1559/eip1559_test.go, TestCalcBaseFee: parent at 1e9 wei, gas limit 20e6
    assert next_base_fee(1e9, used / 20e6, 1 / 8) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(("used", "expected"), [(9e6, 993_750_000), (20e6, 1_062_500_000), (0, 937_500_000)])
def test_base_fee_with_another_denominator(used: float, expected: float) -> None:
    # Polygon bor, the same file, TestCalcBaseFeeDelhi: denominator 16
    assert next_base_fee(1e9, used / 20e6, 1 / 16) == pytest.approx(expected, rel=1e-15)


def test_a_full_block_raises_the_fee_of_the_next_one_only() -> None:
    anvil = chain()
    anvil.submit(transaction(gas=1000.0))
    (inclusion,) = anvil.produce(1.0)
    assert inclusion.fee == pytest.approx(1000.0 * START_FEE)
    assert anvil.base_fee == pytest.approx(START_FEE * 1.125)
    assert anvil.congestion == 1.0


def test_background_counts_as_used_gas_and_grows_with_stress() -> None:
    anvil = chain(background_gas=0.3, background_response=1.0)
    anvil.produce(1.0, stress=1.0)
    assert anvil.congestion == pytest.approx(0.6)
    assert anvil.base_fee == pytest.approx(START_FEE * (1 + 0.125 * 0.2))
    anvil.produce(2.0, stress=-5.0)
    assert anvil.congestion == pytest.approx(0.3)
    anvil.produce(3.0, stress=50.0)
    assert anvil.congestion == 1.0


def test_a_chain_says_whether_stress_matters_to_it() -> None:
    assert chain(background_gas=0.3, background_response=1.0).responds
    assert not chain(background_gas=0.3).responds
    assert not Chain.exchange("bazaar", 1.0).responds


def test_base_fee_stays_between_its_start_and_a_thousandfold() -> None:
    anvil = chain(background_gas=0.3, background_response=10.0)
    for k in range(100):
        anvil.produce(float(k))
    assert anvil.base_fee == START_FEE
    for k in range(100, 10_000):
        anvil.produce(float(k), stress=1.0)
    assert anvil.base_fee == pytest.approx(START_FEE * 1000)


def test_background_leaves_the_rest_of_the_block() -> None:
    anvil = chain(background_gas=0.75)
    anvil.submit(transaction(gas=100.0, units=5))
    (inclusion,) = anvil.produce(1.0)
    assert (inclusion.first, inclusion.last) == (0, 2)
    assert anvil.congestion == pytest.approx(0.95)


def test_order_is_tip_then_arrival_then_sender_then_sequence() -> None:
    anvil = chain()
    anvil.submit(transaction("bob", 1))
    anvil.submit(transaction("bob", 0))
    anvil.submit(transaction("ann", 7))
    anvil.submit(transaction("eve", 0, arrival=-1.0))
    anvil.submit(transaction("zoe", 0, arrival=0.5, tip=1e-9))
    assert names(anvil.produce(1.0)) == [("zoe", 0), ("eve", 0), ("ann", 7), ("bob", 0), ("bob", 1)]


drawn = st.tuples(
    st.sampled_from(["ann", "bob", "eve"]),
    st.sampled_from([0.0, 0.5, 1.0, 1.5]),
    st.sampled_from([0.0, 1e-9, 2e-9]),
    st.sampled_from([50.0, 120.0, 400.0]),
    st.integers(1, 4),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(drawn, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_blocks_do_not_depend_on_the_order_of_submission(rows: list[Any], random: Any) -> None:
    def blocks(order: list[int]) -> list[tuple[Any, ...]]:
        anvil = chain(expiry=2.0)
        for n in order:
            sender, arrival, tip, gas, units = rows[n]
            anvil.submit(transaction(sender, n, arrival=arrival, tip=tip, gas=gas, units=units))
        seen: list[tuple[Any, ...]] = []
        for now in (1.0, 2.0, 3.0):
            included = anvil.produce(now)
            assert sum(i.transaction.gas * (i.last - i.first) for i in included) <= 1000.0
            seen += [(i.time, i.height, i.transaction.sequence, i.first, i.last, i.fee) for i in included]
        return [*seen, (anvil.pending, anvil.base_fee)]

    shuffled = list(range(len(rows)))
    random.shuffle(shuffled)
    assert blocks(shuffled) == blocks(list(range(len(rows))))


def test_a_bundle_is_included_in_part_and_goes_on_where_it_stopped() -> None:
    anvil = chain(gas_limit=250.0)
    anvil.submit(transaction(units=5, tip=1e-9))
    spans = []
    for now in (1.0, 2.0, 3.0, 4.0):
        spans += [(i.first, i.last, i.height) for i in anvil.produce(now)]
    assert spans == [(0, 2, 1), (2, 4, 2), (4, 5, 3)]
    assert anvil.pending == 0


def test_fee_is_for_the_units_included() -> None:
    anvil = chain(gas_limit=250.0)
    anvil.submit(transaction(units=5, tip=1e-9))
    assert anvil.produce(1.0)[0].fee == pytest.approx(2 * 100.0 * (START_FEE + 1e-9))


def test_what_does_not_fit_is_passed_over_for_what_does() -> None:
    anvil = chain(gas_limit=250.0)
    anvil.submit(transaction("large", gas=300.0, tip=3e-9, arrival=0.5))
    anvil.submit(transaction("middle", gas=200.0, tip=2e-9, arrival=0.5))
    anvil.submit(transaction("small", gas=50.0, tip=1e-9, arrival=0.1))
    assert names(anvil.produce(1.0)) == [("middle", 0), ("small", 0)]
    assert anvil.pending == 1


def test_a_transaction_waits_for_its_arrival() -> None:
    anvil = chain()
    anvil.submit(transaction(arrival=1.5))
    assert anvil.produce(1.0) == []
    assert anvil.pending == 1
    assert names(anvil.produce(2.0)) == [("ann", 0)]


def test_expired_transactions_are_dropped_with_the_units_left() -> None:
    dropped: list[Transaction] = []
    anvil = chain(gas_limit=250.0, expiry=1.5)
    bundle = transaction(units=6, drop=dropped.append)
    anvil.submit(bundle)
    anvil.submit(transaction("bob", arrival=2.0, gas=50.0))
    assert [len(anvil.produce(now)) for now in (0.5, 1.5)] == [1, 1]
    assert dropped == []
    assert names(anvil.produce(2.0)) == [("bob", 0)]
    assert dropped == [bundle]
    assert anvil.pending == 0


def test_who_is_dropped_may_submit_again() -> None:
    anvil = chain(expiry=1.0, gas_limit=100.0)

    def again(old: Transaction) -> None:
        anvil.submit(transaction(old.sender, old.sequence, arrival=5.0))

    anvil.submit(transaction(gas=300.0, drop=again))
    assert anvil.produce(2.0) == []
    assert names(anvil.produce(5.0)) == [("ann", 0)]


def test_an_outage_stops_blocks_and_not_expiry() -> None:
    dropped: list[Transaction] = []
    anvil = chain(outages=((10.0, 20.0),), expiry=8.0)
    anvil.produce(9.0)
    anvil.submit(transaction("old", arrival=10.0, drop=dropped.append))
    anvil.submit(transaction("new", arrival=15.0))
    fee = anvil.base_fee
    assert anvil.produce(10.0) == []
    assert anvil.produce(19.0) == []
    assert (anvil.height, anvil.time, anvil.base_fee) == (1, 9.0, fee)
    assert [t.sender for t in dropped] == ["old"]
    assert names(anvil.produce(20.0)) == [("new", 0)]
    assert anvil.height == 2


def test_outages_overlap_and_end_where_they_say() -> None:
    anvil = chain(outages=((15.0, 30.0), (10.0, 20.0), (40.0, 41.0)))
    assert [anvil.is_out(t) for t in (9.9, 10.0, 20.0, 29.9, 30.0, 40.0)] == [False, True, True, True, False, True]


@pytest.mark.parametrize("span", [(40.0, 40.0), (41.0, 40.0)])
def test_an_outage_that_does_not_last_is_refused(span: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=rf"from {span[0]} is not before to 40.0"):
        chain(outages=((10.0, 20.0), span))


def test_finality_is_a_delay_that_stands_still_in_outages() -> None:
    anvil = chain(finality=12.0, outages=((15.0, 30.0), (10.0, 20.0), (36.0, 40.0)))
    assert anvil.final_at(40.0) == 52.0
    assert anvil.final_at(8.0) == 8.0 + 12.0 + 20.0 + 4.0
    assert anvil.final_at(25.0) == 25.0 + 5.0 + 12.0 + 4.0
    assert chain(finality=0.0).final_at(3.0) == 3.0


def test_height_and_time_count_blocks() -> None:
    anvil = chain()
    assert (anvil.height, anvil.time, anvil.congestion) == (0, 0.0, 0.0)
    anvil.produce(0.4)
    anvil.produce(0.8)
    assert (anvil.height, anvil.time) == (2, 0.8)


def test_an_exchange_takes_all_at_once_for_nothing_in_order_of_arrival() -> None:
    engine = Chain.exchange("bazaar", 0.1)
    engine.submit(transaction("late", arrival=0.05, tip=1.0, gas=1e12, units=1000))
    engine.submit(transaction("early", arrival=0.01, gas=0.0))
    included = engine.produce(0.1, stress=9.0)
    assert names(included) == [("early", 0), ("late", 0)]
    assert [(i.first, i.last, i.fee) for i in included] == [(0, 1, 0.0), (0, 1000, 0.0)]
    assert (engine.congestion, engine.base_fee, engine.pending) == (0.0, 0.0, 0)
    assert engine.final_at(0.1) == 0.1
    engine.submit(transaction("ann", arrival=0.2))
    assert len(engine.produce(1e9)) == 1  # nothing expires


def test_mistakes_of_the_caller_are_refused() -> None:
    anvil = chain()
    anvil.submit(transaction())
    with pytest.raises(ValueError, match="anvil: transaction 0 of ann is waiting already"):
        anvil.submit(transaction())
    with pytest.raises(ValueError, match="transaction 1 of ann has no unit"):
        anvil.submit(transaction(sequence=1, units=0))
    anvil.produce(1.0)
    anvil.submit(transaction(arrival=2.0))
    assert names(anvil.produce(2.0)) == [("ann", 0)]

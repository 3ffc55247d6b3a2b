"""Bridges: conservation, limits, halts and stalls, lost and forged messages, the age of what is told."""

from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.chains.bridge import Bridge, Message, Refusal
from abm.chains.chain import Chain
from abm.keys import Spans
from abm.spec import BridgeSpec, ChainSpec

End = Literal["source", "target"]


def bridge(**keys: Any) -> Bridge:
    defaults = {"name": "span", "source": "anvil", "target": "forge", "delay": 60.0, "verifiers": 5, "threshold": 3}
    return between(BridgeSpec(**(defaults | keys)))


def between(spec: BridgeSpec, out: Spans = (), target_out: Spans = ()) -> Bridge:
    """The bridge between two chains with these outages."""
    source = Chain(ChainSpec(name="anvil", finality=12.0, outages=out))
    return Bridge(spec, source, Chain(ChainSpec(name="forge", finality=2.0, outages=target_out)))


def deliver(span: Bridge, now: float) -> list[Message]:
    """What a block at each end delivers, the target's first."""
    return span.deliver(now, "target") + span.deliver(now, "source")


def transfer(span: Bridge, amount: float, now: float, to: End = "target") -> Message:
    message = span.send(amount, now, kind="transfer", to=to, tag=7)
    assert isinstance(message, Message)
    return message


def forged(span: Bridge, amount: float, now: float, to: End) -> Message:
    message = span.forge(amount, now, to)
    assert isinstance(message, Message)
    return message


def books(span: Bridge) -> tuple[float, float, float, float]:
    return span.locked, span.minted, span.in_flight["target"], span.in_flight["source"]


def test_a_transfer_locks_when_sent_and_mints_when_delivered() -> None:
    span = bridge()
    message = transfer(span, 100.0, 10.0)
    assert (message.kind, message.sent, message.to, message.tag, message.ready) == ("transfer", 10.0, "target", 7, 82.0)
    assert books(span) == (100.0, 0.0, 100.0, 0.0)
    assert deliver(span, 81.9) == []
    assert deliver(span, 82.0) == [message]
    assert (message.delivered, message.paid) == (82.0, 100.0)
    assert books(span) == (100.0, 100.0, 0.0, 0.0)
    assert deliver(span, 83.0) == []


def test_the_way_back_burns_when_sent_and_releases_when_delivered() -> None:
    span = bridge()
    transfer(span, 100.0, 0.0)
    deliver(span, 72.0)
    message = transfer(span, 40.0, 100.0, "source")
    assert message.ready == 162.0
    assert books(span) == (100.0, 60.0, 0.0, 40.0)
    assert deliver(span, 162.0) == [message]
    assert books(span) == (60.0, 60.0, 0.0, 0.0)


def test_messages_come_in_order_of_readiness_then_id() -> None:
    span = bridge()
    first, second, third = (transfer(span, 1.0, now) for now in (5.0, 0.0, 0.0))
    assert deliver(span, 100.0) == [second, third, first]
    assert span.messages == [first, second, third]


@pytest.mark.parametrize("span", [(50.0, 50.0), (60.0, 50.0)])
def test_a_halt_that_does_not_last_is_refused(span: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=rf"from {span[0]} is not before to 50.0"):
        bridge(halts=(span,))


step = st.tuples(
    st.sampled_from(["target", "source", "state", "deliver", "stall", "hold", "lose"]), st.floats(0.01, 500.0)
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(step, max_size=60),
    st.lists(st.tuples(st.floats(0, 3000), st.floats(0.01, 3000)), max_size=2),
    st.floats(50.0, 2000.0),
)
def test_locked_is_minted_plus_in_flight_whatever_happens(
    steps: list[tuple[str, float]], halts: list[tuple[float, float]], flow_cap: float
) -> None:
    span = bridge(halts=tuple((start, start + lasting) for start, lasting in halts), cap=1000.0, flow_cap=flow_cap)
    now = 0.0
    for what, x in steps:
        now += x / 5.0
        if what == "target":
            span.send(x, now, kind="transfer", to="target", tag=0)
        elif what == "source" and span.minted > 0:
            span.send(min(x, span.minted), now, kind="transfer", to="source", tag=0)
        elif what == "state":
            span.send(x, now, kind="state", to="source", tag=0)
        elif what == "deliver":
            deliver(span, now)
        elif what == "stall":
            span.stall(now + x)
        elif what == "hold":
            span.hold(range(int(x) % 5))
        elif what == "lose" and span.messages:
            lose_or_retry(span, span.messages[int(x) % len(span.messages)], now)
        locked, minted, to_target, to_source = books(span)
        assert locked == pytest.approx(minted + to_target + to_source, abs=1e-9)
        assert min(books(span)) >= 0.0
        assert locked <= 1000.0
    settle(span, now)
    assert all(m.paid == pytest.approx(m.amount) for m in span.messages if m.kind == "transfer")


def lose_or_retry(span: Bridge, message: Message, now: float) -> None:
    if message.lost:
        span.retry(message.id, now)
    elif message.delivered is None:
        span.drop(message.id)


def settle(span: Bridge, now: float) -> None:
    """Everything comes right in the end, and everything arrives."""
    span.stall(0.0)
    span.hold(())
    for message in span.messages:
        if message.lost:
            span.retry(message.id, now)
    deliver(span, now + 10_000.0)
    assert all(m.delivered is not None for m in span.messages)
    assert span.locked == pytest.approx(span.minted, abs=1e-9)


def test_the_cap_bounds_what_is_locked() -> None:
    span = bridge(cap=100.0)
    transfer(span, 70.0, 0.0)
    assert span.send(31.0, 1.0, kind="transfer", to="target", tag=0) == Refusal("cap")
    transfer(span, 30.0, 2.0)
    assert span.locked == 100.0


def test_the_flow_cap_is_a_sliding_hour_each_way() -> None:
    span = bridge(flow_cap=100.0)
    transfer(span, 60.0, 0.0)
    transfer(span, 40.0, 1800.0)
    assert span.send(1.0, 3599.0, kind="transfer", to="target", tag=0) == Refusal("flow cap")
    deliver(span, 3599.0)
    transfer(span, 100.0, 3599.0, "source")
    transfer(span, 60.0, 3600.0)
    assert span.send(1.0, 5399.0, kind="transfer", to="target", tag=0) == Refusal("flow cap")
    assert books(span) == (160.0, 0.0, 60.0, 100.0)


def test_a_refusal_leaves_no_trace() -> None:
    span = bridge(cap=100.0, halts=((50.0, 60.0),))
    for amount, now in ((101.0, 0.0), (1.0, 50.0)):
        assert isinstance(span.send(amount, now, kind="transfer", to="target", tag=0), Refusal)
    assert span.messages == []
    assert books(span) == (0.0, 0.0, 0.0, 0.0)


def test_a_halt_accepts_and_releases_nothing_and_ends() -> None:
    span = bridge(halts=((100.0, 200.0),))
    message = transfer(span, 10.0, 50.0)
    assert span.send(1.0, 100.0, kind="state", to="target", tag=0) == Refusal("halted")
    assert deliver(span, 150.0) == []
    assert deliver(span, 200.0) == [message]
    assert not span.halted(200.0)


@pytest.mark.parametrize(
    ("to", "out", "target_out"), [("target", ((50.0, 60.0),), ()), ("source", (), ((50.0, 60.0),))]
)
def test_a_chain_that_is_out_sends_nothing_and_what_it_refuses_leaves_no_trace(
    to: End, out: Spans, target_out: Spans
) -> None:
    span = between(BridgeSpec(name="span", source="anvil", target="forge"), out, target_out)
    span.locked = span.minted = 100.0
    for kind in ("state", "transfer"):
        assert span.send(10.0, 50.0, kind=kind, to=to, tag=0) == Refusal("outage")
    assert span.messages == []
    assert books(span) == (100.0, 100.0, 0.0, 0.0)
    assert isinstance(
        span.send(10.0, 50.0, kind="transfer", to="source" if to == "target" else "target", tag=0), Message
    )
    assert transfer(span, 10.0, 60.0, to).sent == 60.0


def test_an_outage_of_its_origin_that_holds_up_finality_holds_up_the_message() -> None:
    spec = BridgeSpec(name="span", source="anvil", target="forge", delay=60.0)
    out = ((15.0, 40.0),)
    assert transfer(between(spec, out), 10.0, 10.0).ready == 10.0 + 12.0 + 25.0 + 60.0
    assert transfer(between(spec, (), out), 10.0, 10.0).ready == 82.0
    assert transfer(between(spec, out), 10.0, 2.0).ready == 74.0


def test_a_message_is_delivered_in_a_block_of_its_destination_alone() -> None:
    span = bridge()
    message = transfer(span, 10.0, 0.0)
    told = span.send(0.0, 0.0, kind="state", to="source", tag=0)
    assert span.deliver(100.0, "target") == [message]
    assert span.last_state(100.0) == -float("inf")
    assert span.deliver(110.0, "source") == [told]
    assert (span.last_state(109.0), span.last_state(110.0)) == (-float("inf"), 0.0)


def test_a_stall_delivers_nothing_until_it_ends_and_accepts_all_the_same() -> None:
    span = bridge()
    span.stall(500.0)
    message = transfer(span, 10.0, 0.0)
    assert deliver(span, 499.0) == []
    assert deliver(span, 500.0) == [message]
    span.stall(900.0)
    later = transfer(span, 10.0, 600.0)
    span.stall(700.0)
    assert deliver(span, 700.0) == [later]


def test_a_lost_message_stays_in_flight_until_it_is_relayed_again() -> None:
    span = bridge()
    message = transfer(span, 10.0, 0.0)
    span.drop(message.id)
    assert deliver(span, 1000.0) == []
    assert books(span) == (10.0, 0.0, 10.0, 0.0)
    span.retry(message.id, 1000.0)
    assert deliver(span, 1059.0) == []
    assert deliver(span, 1060.0) == [message]


def test_a_retry_does_not_outrun_finality() -> None:
    span = bridge()
    message = transfer(span, 10.0, 0.0)
    span.drop(message.id)
    span.retry(message.id, 1.0)
    assert message.ready == 72.0


def test_verifiers_on_hold_censor_when_the_rest_is_below_the_threshold() -> None:
    span = bridge()
    message = transfer(span, 10.0, 0.0)
    span.hold((0, 1, 2))
    assert deliver(span, 100.0) == []
    assert message.attestations == {3, 4}
    span.hold((0, 1))
    assert deliver(span, 101.0) == [message]
    other = transfer(span, 10.0, 200.0)
    assert deliver(span, 300.0) == [other]


@pytest.mark.parametrize("to", ["target", "source"])
def test_a_forgery_needs_as_many_keys_as_the_threshold(to: End) -> None:
    span = bridge()
    transfer(span, 100.0, 0.0)
    deliver(span, 100.0)
    span.corrupt((0, 4))
    assert span.forge(50.0, 100.0, to) == Refusal("attestations")
    span.corrupt((0, 2, 4))
    message = forged(span, 50.0, 100.0, to)
    assert (message.kind, message.attestations, message.ready) == ("forged", {0, 2, 4}, 100.0)
    assert deliver(span, 100.0) == [message]
    assert message.paid == 50.0


def test_a_forged_mint_dilutes_what_backs_the_wrapped_coin() -> None:
    span = bridge()
    transfer(span, 100.0, 0.0)
    deliver(span, 100.0)
    span.corrupt(range(3))
    forged(span, 300.0, 100.0, "target")
    deliver(span, 100.0)
    assert books(span) == (100.0, 400.0, 0.0, 0.0)


def test_a_forgery_leaves_alone_what_is_in_flight() -> None:
    span = bridge()
    transfer(span, 100.0, 0.0)
    span.corrupt(range(3))
    forged(span, 300.0, 10.0, "target")
    deliver(span, 10.0)
    assert books(span) == (100.0, 300.0, 100.0, 0.0)
    deliver(span, 100.0)
    assert books(span) == (100.0, 400.0, 0.0, 0.0)


def test_a_forged_release_takes_at_most_what_is_locked() -> None:
    span = bridge()
    transfer(span, 100.0, 0.0)
    deliver(span, 100.0)
    span.corrupt(range(3))
    message = forged(span, 1e6, 100.0, "source")
    deliver(span, 100.0)
    assert message.paid == 100.0
    assert books(span) == (0.0, 100.0, 0.0, 0.0)


def test_after_a_drain_a_release_waits_until_there_is_enough() -> None:
    span = bridge()
    transfer(span, 100.0, 0.0)
    deliver(span, 100.0)
    span.corrupt(range(3))
    forged(span, 70.0, 100.0, "source")
    deliver(span, 100.0)
    large, small = transfer(span, 50.0, 200.0, "source"), transfer(span, 20.0, 200.0, "source")
    assert deliver(span, 300.0) == [small]
    transfer(span, 45.0, 300.0)
    assert deliver(span, 301.0) == [large]
    assert large.paid == 50.0
    assert span.locked == pytest.approx(5.0)


def test_the_first_to_leave_get_par_and_the_last_nothing() -> None:
    span = bridge()
    transfer(span, 100.0, 0.0)
    deliver(span, 100.0)
    span.corrupt(range(3))
    forged(span, 100.0, 100.0, "target")
    deliver(span, 100.0)
    exits = [transfer(span, 50.0, 200.0 + k, "source") for k in range(4)]
    assert deliver(span, 1000.0) == exits[:2]
    assert [m.paid for m in exits] == [50.0, 50.0, 0.0, 0.0]


def test_forgeries_meet_halts_and_the_flow_cap() -> None:
    span = bridge(flow_cap=100.0, halts=((500.0, 600.0),))
    span.corrupt(range(5))
    assert span.forge(101.0, 0.0, "target") == Refusal("flow cap")
    assert span.forge(1.0, 500.0, "target") == Refusal("halted")


def test_state_is_as_old_as_the_newest_message_that_has_told_of_it() -> None:
    span = bridge()
    assert span.last_state(1e9) == -float("inf")
    for now in (0.0, 30.0, 60.0):
        span.send(123.0, now, kind="state", to="source", tag=1)
    deliver(span, 70.0)
    deliver(span, 92.0)
    assert [span.last_state(t) for t in (69.0, 70.0, 91.0, 92.0)] == [-float("inf"), 0.0, 0.0, 30.0]
    assert span.last_state(100.0, "target") == -float("inf")
    assert span.last_state(100.0, "source") == 30.0
    assert books(span) == (0.0, 0.0, 0.0, 0.0)


def test_an_older_state_that_comes_late_does_not_set_the_clock_back() -> None:
    span = bridge()
    old, new = (span.send(0.0, now, kind="state", to="source", tag=1) for now in (0.0, 30.0))
    assert isinstance(old, Message)
    assert isinstance(new, Message)
    span.drop(old.id)
    assert deliver(span, 100.0) == [new]
    span.retry(old.id, 100.0)
    assert deliver(span, 160.0) == [old]
    assert span.last_state(160.0) == 30.0


def test_all_that_was_across_at_the_opening_can_return_in_parts_despite_rounding() -> None:
    span = bridge()
    span.locked = span.minted = 0.3e9
    for k in range(3):
        transfer(span, 0.1e9 + 1e-8, float(k), "source")
    assert len(deliver(span, 1000.0)) == 3
    assert span.minted == 0.0
    assert span.locked == pytest.approx(0.0, abs=1e-6)


def test_mistakes_of_the_caller_are_refused() -> None:
    span = bridge()
    with pytest.raises(ValueError, match=r"span: a transfer of 0\.0 moves nothing"):
        span.send(0.0, 0.0, kind="transfer", to="target", tag=0)
    with pytest.raises(ValueError, match=r"a burn of 5\.0, but only 0\.0 is minted"):
        span.send(5.0, 0.0, kind="transfer", to="source", tag=0)
    with pytest.raises(ValueError, match="there is no verifier 5 among 5"):
        span.hold((5,))
    message = transfer(span, 1.0, 0.0)
    with pytest.raises(ValueError, match="message 0 is not lost"):
        span.retry(message.id, 0.0)
    span.drop(message.id)
    with pytest.raises(ValueError, match="message 0 is not waiting"):
        span.drop(message.id)

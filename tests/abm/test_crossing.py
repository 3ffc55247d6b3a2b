"""Coins over a bridge: locked and minted, burnt and released."""

import numpy as np
import pytest

from abm.chains.bridge import Bridge
from abm.world import World
from tests.agents.worlds import description, small_world

SENT = 1000.0


@pytest.fixture
def world() -> World:
    made = small_world().world
    made.crossing.back(made.bridges["span"])
    return made


def bridge_of(world: World) -> Bridge:
    return world.bridges["span"]


def funded(world: World, name: str, place: str, amount: float = SENT) -> int:
    holder = world.treasury.holder(name)
    world.treasury.inject(holder, world.treasury.token("USDC", place), amount)
    return holder


def holds(world: World, holder: int, place: str) -> float:
    return float(world.treasury.balance[holder, world.treasury.token("USDC", place)])


def send(world: World, source: int, target: int, amount: float, *, to_target: bool) -> str:
    return world.crossing.send(
        bridge_of(world), np.array([source]), np.array([target]), np.array([amount]), to_target=to_target
    )


def later(world: World, seconds: float) -> None:
    """A block at each end."""
    world.tape.enter("alpha", 1, world.now + seconds)
    world.crossing.deliver(bridge_of(world), world.now, "target")
    world.crossing.deliver(bridge_of(world), world.now, "source")


def sound(world: World) -> bool:
    return all(abs(error) < 1e-12 for error in world.audit().values())


def test_what_stands_on_the_target_at_the_opening_is_locked_on_the_source() -> None:
    world = small_world().world
    outstanding = float(world.treasury.supply[world.treasury.token("USDC", "alpha")])
    assert outstanding > 0.0
    world.crossing.back(bridge_of(world))
    assert bridge_of(world).locked == bridge_of(world).minted == outstanding
    assert holds(world, world.crossing.vault(bridge_of(world)), "beta") == outstanding
    assert sound(world)


def test_a_transfer_to_the_target_is_locked_at_once_and_minted_when_final_and_relayed(world: World) -> None:
    ann, bob = funded(world, "ann", "beta"), world.treasury.holder("bob")
    locked = bridge_of(world).locked
    assert send(world, ann, bob, 400.0, to_target=True) == ""
    assert (holds(world, ann, "beta"), holds(world, bob, "alpha")) == (600.0, 0.0)
    assert bridge_of(world).locked == locked + 400.0
    later(world, 29.0)
    assert holds(world, bob, "alpha") == 0.0
    later(world, 1.0)
    assert holds(world, bob, "alpha") == 400.0
    assert sound(world)


def test_a_transfer_to_the_source_is_burnt_at_once_and_released_when_it_arrives(world: World) -> None:
    ann = funded(world, "ann", "alpha")
    had, locked = holds(world, ann, "alpha"), bridge_of(world).locked
    assert send(world, ann, ann, 400.0, to_target=False) == ""
    assert holds(world, ann, "alpha") == had - 400.0
    assert bridge_of(world).locked == locked
    later(world, 30.0)
    assert holds(world, ann, "beta") == 400.0
    assert bridge_of(world).locked == locked - 400.0
    assert sound(world)


def test_many_holders_send_in_one_message(world: World) -> None:
    ann, bob, cat = funded(world, "ann", "beta"), funded(world, "bob", "beta"), world.treasury.holder("cat")
    world.crossing.send(
        bridge_of(world), np.array([ann, bob]), np.array([cat]), np.array([100.0, 200.0]), to_target=True
    )  # fmt: skip
    assert [holds(world, h, "beta") for h in (ann, bob)] == [900.0, 800.0]


def test_a_refused_transfer_moves_nothing_and_says_why() -> None:
    world = small_world(change={
        "bridges.span.cap": 2e6, "bridges.span.halts": [[50.0, 60.0]], "chains.beta.outages": [[70.0, 80.0]]
    }).world  # fmt: skip
    world.crossing.back(bridge_of(world))
    ann = funded(world, "ann", "beta", 3e6)
    assert send(world, ann, ann, 2e6, to_target=True) == "cap"
    later(world, 50.0)
    assert send(world, ann, ann, 1.0, to_target=True) == "halted"
    later(world, 20.0)
    assert send(world, ann, ann, 1.0, to_target=True) == "outage"
    assert holds(world, ann, "beta") == 3e6
    assert world.log.frame("events").filter(kind="bridge_send").is_empty()
    assert sound(world)


def test_a_forged_message_pays_its_forger_out_of_the_lock_and_the_bridge_is_short(world: World) -> None:
    bridge = bridge_of(world)
    bridge.corrupt(range(3))
    bridge.forge(5e5, 0.0, "source")
    later(world, 1.0)
    assert holds(world, world.treasury.holder("forger:span"), "beta") == 5e5
    assert bridge.locked == bridge.minted - 5e5
    assert world.log.frame("events").filter(kind="forged")["amount"].to_list() == [5e5]
    assert sound(world)


def test_a_forged_mint_is_booked_as_what_came_into_the_world(world: World) -> None:
    bridge, token = bridge_of(world), world.treasury.token("USDC", "alpha")
    supply = float(world.treasury.supply[token])
    bridge.corrupt(range(3))
    bridge.forge(5e5, 0.0, "target")
    later(world, 1.0)
    assert world.treasury.supply[token] == supply + 5e5
    assert bridge.minted == bridge.locked + 5e5
    assert sound(world)


def test_what_was_asked_for_happens_at_the_arrival(world: World) -> None:
    ann, seen = funded(world, "ann", "beta"), []
    world.crossing.send(
        bridge_of(world), np.array([ann]), np.array([ann]), np.array([1.0]), to_target=True,
        arrived=lambda: seen.append(world.now),
    )  # fmt: skip
    later(world, 10.0)
    assert seen == []
    later(world, 20.0)
    assert seen == [30.0]


def test_who_has_not_what_it_sends_is_refused_and_the_bridge_takes_nothing(world: World) -> None:
    ann, bob = funded(world, "ann", "beta"), funded(world, "bob", "alpha", 10.0)
    locked, minted = bridge_of(world).locked, bridge_of(world).minted
    assert send(world, ann, ann, 1000.5, to_target=True) == "funds"
    assert send(world, bob, bob, 10.5, to_target=False) == "funds"
    assert (bridge_of(world).locked, bridge_of(world).minted) == (locked, minted)
    assert not bridge_of(world).messages
    assert sound(world)


def test_a_bridge_onto_a_bridge_is_backed_all_the_way() -> None:
    """What is minted on alpha is locked on beta, and that, with all else there, on gamma, in whatever order."""
    data = description()
    data["chains"].append({"name": "gamma"})
    arch = {"name": "arch", "source": "gamma", "target": "beta"}
    for bridges in ([*data["bridges"], arch], [arch, *data["bridges"]]):
        world = small_world(chains=data["chains"], bridges=bridges).world
        funded(world, "ann", "beta", 500.0)
        world.crossing.back_all()
        on = {place: float(world.treasury.supply[world.treasury.token("USDC", place)]) for place in ("alpha", "beta")}
        assert world.bridges["span"].locked == on["alpha"] > 0.0
        assert world.bridges["arch"].locked == on["beta"] == on["alpha"] + 500.0
        assert sound(world)


@pytest.mark.parametrize("to_target", [True, False])
def test_a_letter_is_read_once_at_its_end_and_moves_nothing(world: World, to_target: bool) -> None:
    read: list[float] = []
    before = world.treasury.balance.copy()
    assert world.crossing.write(bridge_of(world), to_target=to_target, arrived=lambda: read.append(world.now)) == ""
    later(world, 29.0)
    assert read == []
    later(world, 1.0)
    later(world, 50.0)
    assert read == [30.0]
    assert np.array_equal(world.treasury.balance, before)
    assert sound(world)


def test_a_letter_tells_no_state(world: World) -> None:
    """What is known of remote collateral is as old as before."""
    world.crossing.write(bridge_of(world), to_target=True, arrived=lambda: None)
    later(world, 30.0)
    assert bridge_of(world).last_state(world.now) == -float("inf")


def test_a_letter_that_the_bridge_refuses_is_never_read() -> None:
    made = small_world(change={"bridges.span.halts": [[0.0, 10.0]]}).world
    made.crossing.back(made.bridges["span"])
    read: list[float] = []
    assert made.crossing.write(made.bridges["span"], to_target=True, arrived=lambda: read.append(0.0)) == "halted"
    later(made, 100.0)
    assert read == []

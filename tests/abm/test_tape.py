"""Where the world acts, and the moves it logs there."""

import pytest

from tests.agents.worlds import small_world


def test_a_place_is_time_chain_and_block_and_a_block_begins_at_round_zero() -> None:
    tape = small_world().world.tape
    tape.round = 4
    tape.enter("alpha", 7, 3.0)
    assert tape.place == (3.0, "alpha", 7)
    assert tape.round == 0


def test_a_trade_that_moves_the_price_is_a_move_with_its_cause() -> None:
    world = small_world().world
    book = world.books.find("harbor-book", "BTC-PERP")
    before = float(world.books.last[book])
    world.tape.enter("alpha", 1, 1.0)
    first = world.tape.execute(book, -2.0, "liquidation")
    world.tape.round += 1
    second = world.tape.execute(book, 1.0, "arbitrage")
    assert (first.move, second.move, world.tape.moves) == (0, 1, 2)
    moves = world.log.frame("price_moves")
    assert moves.select("move", "block", "round", "venue", "market", "cause", "volume").rows() == [
        (0, 1, 0, "harbor-book", "BTC-PERP", "liquidation", -2.0),
        (1, 1, 1, "harbor-book", "BTC-PERP", "arbitrage", 1.0),
    ]
    assert moves["amount"].to_list() == [first.fill.move, second.fill.move]
    assert world.books.last[book] == pytest.approx(before + first.fill.move + second.fill.move)


def test_a_trade_that_moves_nothing_is_no_move() -> None:
    world = small_world(change={"venues.harbor-book.impact.enabled": False}).world
    done = world.tape.execute(world.books.find("harbor-book", "BTC-PERP"), -2.0, "trades")
    assert (done.move, done.fill.volume) == (-1, -2.0)
    assert world.log.counts["price_moves"] == 0


def test_an_event_carries_the_place() -> None:
    tape = small_world().world.tape
    tape.enter("beta", 9, 4.0)
    tape.event("reward", "harbor", 12, "BTC-PERP", "USDC", -3.0, 5)
    booked = (4.0, "beta", 9, "reward", "harbor", 12, "BTC-PERP", "USDC", -3.0, 5, 0.0)
    assert tape.log.frame("events").rows()[-1] == booked

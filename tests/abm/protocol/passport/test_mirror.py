"""What must add up between protocols, and that the audit sees when it does not."""

import pytest

from abm.errors import AuditError
from tests.abm.protocol.passport.border import Border

BRIDGES = [
    {"name": "span", "source": "beta", "target": "alpha", "delay": 20.0},
    {"name": "eth-span", "source": "beta", "target": "alpha", "asset": "ETH", "delay": 20.0},
]


def test_where_nothing_has_moved_there_is_nothing_to_look_at() -> None:
    border = Border()
    border.until(5.0)
    assert border.world.post.errors() == {}
    assert border.world.post.offices == {}


def at(time: float) -> Border:
    data = {"protocols.reef.collateral": [{"asset": "ETH", "chain": "alpha", "bridge": "eth-span"}]}
    border = Border(data, bridges=BRIDGES)
    ann = border.account(coins={"ETH@alpha": 3.0})
    border.until(5.0)
    border.issued(ann)
    border.until(time)
    return border


@pytest.mark.parametrize("time", [80.0, 200.0])
def test_a_position_that_one_of_the_links_has_lost_stops_the_run(time: float) -> None:
    border = at(time)
    p = border.harbor
    p.ledger.slot_size[border.office("harbor").links.row("reef"), 0] += 0.25
    p.ledger.slot_size[p.street, 0] -= 0.25
    with pytest.raises(AuditError, match="link harbor reef BTC is off by"):
        border.until(time + 5.0)


def test_coins_that_are_lost_on_the_way_stop_the_run() -> None:
    border = at(80.0)
    treasury = border.world.treasury
    escrow, eth = treasury.holder("passport:harbor>reef"), treasury.token("ETH", "alpha")
    assert treasury.balance[escrow, eth] == 3.0
    treasury.move(escrow, treasury.outside, eth, 1.0)
    with pytest.raises(AuditError, match="transit harbor reef ETH@alpha is off by"):
        border.until(85.0)

"""What an account has, read, written off and entered again."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abm.ledger import CROSS, ISOLATED, NAMED
from abm.protocol.passport.document import Holdings, Position
from abm.protocol.passport.holdings import assess, enter, fingerprint, mode_at, place, read, unknown, write_off
from tests.abm.protocol.passport.border import Border

BORDER = Border()
"""Nothing here changes it but by what each test undoes or adds of its own."""

prices = st.floats(0.01, 1e6)
sizes = st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-6)
fundings = st.floats(-1e3, 1e3)


def test_cash_is_what_was_paid_in_and_realised_apart_from_what_positions_have_gained() -> None:
    border = Border()
    ann = border.account(held=[("ETH", -4.0), ("BTC", 0.5)], coins={"ETH@alpha": 2.0})
    border.harbor.funding[0] = 8.0
    found = read(border.harbor, border.row(border.harbor, ann))
    assert found == Holdings(
        10_000.0, (Position("BTC", 0.5, 50_000.0, 8.0), Position("ETH", -4.0, 2000.0, 0.0)), (("ETH", "alpha", 2.0),),
        14_000.0,
    )  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    cash=st.floats(-1e6, 1e6), held=st.lists(st.tuples(sizes, prices), min_size=1, max_size=2), first=fundings,
    then=fundings, there=fundings,
)  # fmt: skip
def test_entered_elsewhere_an_account_is_what_it_was(
    cash: float, held: list[tuple[float, float]], first: float, then: float, there: float
) -> None:
    border = Border()
    p, q = border.harbor, border.reef
    ann = border.account(held=())
    row = np.array([border.row(p, ann)])
    p.ledger.quote[row] = cash
    for market, (size, entry) in enumerate(held):
        p.funding[market] = first
        p.ledger.trade(row, np.array([market]), np.array([size]), np.array([entry]), p.funding, 0.0)
        p.funding[market], q.funding[q.assets.index(p.assets[market])] = then, there
    before = read(p, int(row[0]))
    was = p.engine.assess(p.ledger, p.terms, row).equity[0]
    link, other = border.office("harbor").links.row("reef"), border.office("reef").links.row("harbor")
    write_off(p, int(row[0]), link, 1)
    assert p.ledger.quote[row] == 0.0
    assert not p.ledger.holds(row)[0]
    border.account(at="reef", held=(), deposit=0.0)
    at = border.row(q, ann)
    enter(q, at, other, before, 1)
    after = read(q, at)
    scale = abs(cash) + sum(abs(s) * (e + 1e5) for s, e in held) + 1e3 * sum(abs(s) for s, _ in held)
    assert {x.asset: x.size for x in after.positions} == {x.asset: x.size for x in before.positions}
    assert {x.asset: x.entry for x in after.positions} == {x.asset: x.entry for x in before.positions}
    assert after.cash == pytest.approx(before.cash, abs=1e-12 * scale)
    for x in before.positions:
        (y,) = (y for y in after.positions if y.asset == x.asset)
        assert y.accrued == pytest.approx(x.accrued, abs=1e-12 * (1.0 + abs(first) + abs(then) + abs(there)))
    now = q.engine.assess(q.ledger, q.terms, np.array([at])).equity[0]
    assert now == pytest.approx(was, abs=1e-12 * scale)
    assert np.all(q.ledger.errors() == 0.0)
    assert p.ledger.quote[[row[0], link]].sum() == pytest.approx(
        cash - sum(s * (e - first) for s, e in held), abs=1e-12 * scale
    )
    assert q.ledger.quote[at] == -q.ledger.quote[other]


def test_valued_elsewhere_it_needs_no_account_there() -> None:
    border = Border()
    ann = border.account()
    holdings, accounts = read(border.harbor, border.row(border.harbor, ann)), len(border.reef.ledger)
    view = assess(border.reef, holdings, CROSS)
    assert (view.equity[0], view.im[0]) == (10_000.0, pytest.approx(660.0))
    assert len(border.reef.ledger) == accounts


class TestFingerprint:
    def test_the_order_of_positions_and_funding_payments_do_not_matter(self) -> None:
        border = Border()
        ann, bob = border.account(), border.account("bob", held=(("ETH", -4.0), ("BTC", 0.5)))
        ledger = border.harbor.ledger
        before = [fingerprint(ledger, ledger.row(a)) for a in (ann, bob)]
        assert before[0] == before[1]
        border.harbor.settle_funding(0, 0.001)
        assert fingerprint(ledger, ledger.row(ann)) == before[0]

    @pytest.mark.parametrize(
        "what", ["quote", "coins", "deposited", "slot_size", "slot_entry", "slot_funding", "mode", "category"]
    )
    def test_the_last_bit_of_anything_matters(self, what: str) -> None:
        border = Border()
        ann = border.account()
        ledger = border.harbor.ledger
        row = ledger.row(ann)
        before, column = fingerprint(ledger, row), getattr(ledger, what)
        at = (row, 0) if column.ndim > 1 else row
        column[at] = np.nextafter(column[at], np.inf) if column.dtype == np.float64 else column[at] + 1
        assert fingerprint(ledger, row) != before


def test_coins_stand_where_they_lie() -> None:
    assert place(BORDER.harbor, "USDC", "alpha") == -1
    assert place(BORDER.harbor, "USDC", "beta") == 1
    assert place(BORDER.reef, "USDC", "beta") == -1
    with pytest.raises(ValueError, match="reef takes no ETH@alpha"):
        place(BORDER.reef, "ETH", "alpha")


def test_what_a_protocol_does_not_have_is_named() -> None:
    held, nothing = Position("DOGE", 1.0, 1.0, 0.0), Holdings(0.0, (), (), 0.0)
    assert unknown(BORDER.reef, nothing) == ""
    assert unknown(BORDER.reef, Holdings(0.0, (held,), (), 0.0)) == "market DOGE"
    assert unknown(BORDER.reef, Holdings(0.0, (), (("ETH", "alpha", 1.0),), 0.0)) == "collateral ETH@alpha"
    assert unknown(BORDER.harbor, Holdings(0.0, (), (("ETH", "alpha", 1.0),), 0.0)) == ""


def test_modes_follow_what_the_protocol_lets() -> None:
    isolated = Border({"protocols.reef.mode": "isolated"}).reef
    assert [mode_at(isolated, mode) for mode in (CROSS, NAMED, ISOLATED)] == [ISOLATED] * 3
    assert [mode_at(BORDER.reef, mode) for mode in (CROSS, NAMED, ISOLATED)] == [CROSS, NAMED, CROSS]

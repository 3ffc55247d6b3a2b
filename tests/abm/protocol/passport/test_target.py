"""What a target takes, and what it does not."""

import numpy as np
import pytest

from tests.abm.protocol.passport.border import LONG, Border


def refused(border: Border, account: int, at: float = 5.0) -> str:
    """The reason for which a passport that was issued at a time is refused."""
    border.until(at)
    passport = border.issued(account)
    border.until(at + 150.0)
    assert border.steps(passport) == ["issued", "refused", "void", "closed"]
    assert border.where(account) == ["harbor"]
    assert border.locked(account) == []
    (row,) = border.table("passports", step="void")
    return str(row["reason"])


@pytest.mark.parametrize(("deposit", "goes"), [(3_300.0, True), (3_299.0, False)])
def test_the_targets_initial_margin_decides(deposit: float, goes: bool) -> None:
    """Reef asks for 10 % of 33,000, harbor for 5 %."""
    border = Border({"protocols.reef.markets.*.imf": 0.1})
    ann = border.account(deposit=deposit)
    border.until(5.0)
    border.issued(ann)
    border.until(200.0)
    assert border.where(ann) == (["reef"] if goes else ["harbor"])
    assert [r["reason"] for r in border.table("passports", step="refused")] == ([] if goes else ["margin"])


def test_a_target_of_another_family_judges_by_its_own_rules() -> None:
    """Under the preset of Hyperliquid 33,000 USD need 0.825 % to 2.5 %: of 1,700 enough, which is the least at harbor."""
    border = Border(
        {
            "protocols.reef.preset": "hyperliquid",
            "protocols.reef.markets.*.imf": 0.05,
            "protocols.reef.markets.*.mmf": 0.03,
        }
    )
    assert not border.reef.engine.linear
    ann = border.account(deposit=1_700.0)
    border.until(5.0)
    border.issued(ann)
    border.until(200.0)
    assert border.where(ann) == ["reef"]
    assert border.equity(border.reef, ann) == 1_700.0
    told = {r["step"]: r["im"] for r in border.table("passports")}
    assert told["opened"] < told["issued"]


def test_a_market_that_it_has_not() -> None:
    markets = [{"asset": "BTC", "imf": 0.02, "mmf": 0.01}]
    border = Border({"protocols.reef.markets": markets})
    assert refused(border, border.account()) == "market ETH"


def test_a_collateral_that_it_does_not_take() -> None:
    border = Border()
    assert refused(border, border.account(coins={"ETH@alpha": 1.0})) == "collateral ETH@alpha"


def test_coins_that_are_told_by_a_bridge_count_no_more_than_there() -> None:
    """5 ETH of the 10,000: counted at half they do not carry the positions."""
    data = {
        "protocols.reef.collateral": [{"asset": "ETH", "chain": "alpha", "bridge": "eth-span", "haircut": 0.95}],
        "protocols.reef.markets.*.imf": 0.1,
    }  # fmt: skip
    border = Border(data, bridges=[
        {"name": "span", "source": "beta", "target": "alpha", "delay": 20.0},
        {"name": "eth-span", "source": "beta", "target": "alpha", "asset": "ETH", "delay": 20.0},
    ])  # fmt: skip
    assert refused(border, border.account(deposit=2_000.0, coins={"ETH@alpha": 5.0})) == "margin"


def test_an_account_there_with_something_in_it() -> None:
    border = Border()
    ann = border.account()
    border.account(at="reef", deposit=1.0, held=())
    assert refused(border, ann) == "account"


def test_an_empty_account_there_of_the_same_owner_is_used() -> None:
    border = Border()
    ann = border.account()
    border.account(at="reef", deposit=0.0, held=())
    accounts = len(border.reef.ledger)
    border.until(5.0)
    border.issued(ann)
    border.until(50.0)
    assert len(border.reef.ledger) == accounts
    border.until(200.0)
    assert border.where(ann) == ["reef"]


def test_an_account_of_somebody_else_under_that_id() -> None:
    border = Border()
    ann = border.account()
    border.account(at="reef", deposit=0.0, held=())
    row = border.row(border.reef, ann)
    border.reef.ledger.owner[row] += 16
    assert refused(border, ann) == "account"


def test_an_expired_offer() -> None:
    border = Border()
    ann = border.account()
    border.until(5.0)
    passport = border.issued(ann, validity=20.0)
    border.until(200.0)
    assert border.steps(passport) == ["issued", "void", "refused", "closed"]
    assert border.where(ann) == ["harbor"]


def test_coins_that_reach_a_reserved_account_meanwhile_are_not_lost() -> None:
    border = Border()
    ann = border.account(held=LONG)
    border.until(5.0)
    border.issued(ann)
    border.until(40.0)
    border.enter(border.reef)
    p, row = border.reef, np.array([border.row(border.reef, ann)])
    p.treasury.inject(int(p.ledger.holder[row[0]]), p.cash_token, 5.0)
    p.deposit(row, np.array([5.0]))
    border.until(200.0)
    assert border.equity(p, ann) == 10_005.0

"""What cannot happen, whatever fails: an account in two places or in none, positions or money lost, anything done twice."""

from dataclasses import replace
from typing import Any

import pytest

from abm.protocol.passport.document import Holdings, Letter, Passport, Position, sign
from abm.protocol.passport.office import POINTS, key_of
from tests.abm.protocol.passport.border import Border

SOURCE = ("issue told", "commit", "commit told", "void", "void told", "close", "told again")
TARGET = ("reserve", "reserve told", "open", "open told", "release", "release told")
NEVER = float("inf")

REACHED = {
    "taken": ("issue told", "reserve", "reserve told", "commit", "commit told", "open", "open told", "close"),
    "refused": ("issue told", "reserve", "reserve told", "void", "void told", "release", "release told", "close"),
    "expired": ("issue told", "reserve", "reserve told", "void", "void told", "release", "release told", "close"),
}
"""Points that a passport comes through, by how it ends; expired: its target accepts it, and too late."""


def sound(border: Border, ann: int) -> str:
    """Where the account is: in one place, with all that it had, and everything adds up; free unless in transit."""
    border.audit()
    (place,) = border.where(ann)
    if place != "transit":
        p = border.world.protocols[place]
        assert border.sizes(p, ann) == {"BTC": 0.5, "ETH": -4.0}
        assert border.equity(p, ann) == 10_000.0
    else:
        ((_, holdings),) = border.world.post.in_transit()
        assert {x.asset: x.size for x in holdings.positions} == {"BTC": 0.5, "ETH": -4.0}
        assert holdings.cash == 10_000.0
    for name in ("harbor", "reef"):
        ledger = border.world.protocols[name].ledger
        assert ledger.errors().tolist() == [0.0, 0.0]
    return place


def watched(border: Border, ann: int, until: float, step: float = 7.0) -> str:
    """Let the world run until nothing is pending, or a time, and look again and again."""
    time, place = float(border.model.time), sound(border, ann)
    while time < until and not (border.steps() and at_rest(border)):
        time = min(time + step, until)
        border.until(time)
        place = sound(border, ann)
    return place


def at_rest(border: Border) -> bool:
    """Whether both sides are up, and know the end of every passport and of every payment."""
    offices = [border.office(name) for name in ("harbor", "reef")]
    paid, got = offices[0].links.paid.get("reef"), offices[1].links.got.get("harbor")
    settled = paid is None or (paid == got and paid > 0.0)
    up = all(office.down_until <= border.world.now for office in offices)
    return up and settled and not any(office.source.pending or office.protocol.locks for office in offices)


def setting(**change: Any) -> tuple[Border, int]:
    border = Border(change)
    ann = border.account()
    border.until(5.0)
    return border, ann


def doomed(passport_voids: bool) -> dict[str, Any]:
    """Changes under which reef refuses; or none."""
    return {"protocols.reef.markets.*.imf": 0.5} if passport_voids else {}


class TestCrashes:
    """An office goes down at each point of each step, for a while or for ever."""

    def test_every_point_is_one_sides(self) -> None:
        assert sorted({"issue", *SOURCE, *TARGET}) == sorted(POINTS)

    @pytest.mark.parametrize("down", [30.0, 400.0], ids=lambda d: f"{d:.0f} s")
    @pytest.mark.parametrize(("ends", "point"), [(ends, point) for ends, points in REACHED.items() for point in points])
    def test_a_side_that_comes_back_brings_it_to_its_end(self, ends: str, point: str, down: float) -> None:
        border, ann = setting(**doomed(ends == "refused"))
        office = border.office("harbor" if point in SOURCE else "reef")
        office.faults[point] = down
        border.issued(ann, validity=50.0 if ends == "expired" else 600.0)
        place = watched(border, ann, 2500.0)
        assert office.faults == {}
        assert place == ("reef" if ends == "taken" else "harbor")
        assert len(border.table("passports", step="committed")) == (ends == "taken")
        assert border.locked(ann) == []
        assert not border.office("harbor").source.pending
        assert border.steps()[-1] == "closed"

    def test_a_source_that_goes_down_when_it_says_it_again_says_it_once_more(self) -> None:
        border, ann = setting()
        border.lose += ["commit"]
        border.office("harbor").faults["told again"] = 100.0
        border.issued(ann)
        assert watched(border, ann, 2500.0) == "reef"
        assert border.office("harbor").faults == {}

    @pytest.mark.parametrize("point", ["issue told", "commit", "reserve", "reserve told"])
    def test_one_that_is_back_after_the_expiry_leaves_it_where_it_was(self, point: str) -> None:
        border, ann = setting()
        border.office("harbor" if point in SOURCE else "reef").faults[point] = 700.0
        border.issued(ann)
        assert watched(border, ann, 2500.0) == "harbor"
        assert border.table("passports", step="committed") == []
        assert border.table("passports", step="void")[0]["reason"] == "expired"
        assert not border.office("harbor").source.pending

    @pytest.mark.parametrize("point", TARGET[:4])
    def test_a_target_that_never_comes_back_keeps_nothing_that_was_not_committed(self, point: str) -> None:
        border, ann = setting()
        border.office("reef").faults[point] = NEVER
        border.issued(ann)
        place = watched(border, ann, 2000.0)
        assert place == {"open": "transit", "open told": "reef"}.get(point, "harbor")
        assert "harbor" not in border.locked(ann)

    @pytest.mark.parametrize("point", ["issue told", "commit", "commit told", "close"])
    def test_a_source_that_never_comes_back(self, point: str) -> None:
        border, ann = setting()
        border.office("harbor").faults[point] = NEVER
        border.issued(ann)
        place = watched(border, ann, 2000.0)
        assert place == {"commit told": "transit", "close": "reef"}.get(point, "harbor")
        if place == "harbor":  # locked there for ever, and still valued, margined and liquidated
            assert "harbor" in border.locked(ann)
            assert border.sizes(border.reef, ann) == {}

    def test_a_source_that_is_down_issues_nothing(self) -> None:
        border, ann = setting()
        border.office("harbor").faults["issue"] = NEVER
        assert getattr(border.issue(ann), "reason", "") == "down"
        assert watched(border, ann, 50.0) == "harbor"
        assert border.locked(ann) == []


class TestLetters:
    @pytest.mark.parametrize("lost", ["offer", "accept", "commit", "done", "statement"])
    def test_a_lost_letter_is_said_again(self, lost: str) -> None:
        border, ann = setting()
        border.lose.append(lost)
        border.issued(ann)
        assert watched(border, ann, 1500.0) == "reef"
        assert border.lose == []
        assert border.locked(ann) == []
        assert not border.office("harbor").source.pending
        assert border.office("reef").links.got == {"harbor": 10_000.0}

    @pytest.mark.parametrize("lost", ["refuse", "void", "done"])
    def test_a_lost_refusal_too(self, lost: str) -> None:
        border, ann = setting(**doomed(True))
        border.lose.append(lost)
        border.issued(ann)
        assert watched(border, ann, 1500.0) == "harbor"
        assert border.lose == []
        assert border.locked(ann) == []
        assert not border.office("harbor").source.pending

    def test_nothing_arrives_at_all(self) -> None:
        border, ann = setting()
        border.world.bridges["span"].stall(1e12)
        border.issued(ann)
        assert watched(border, ann, 2000.0) == "harbor"
        assert border.locked(ann) == []
        border.world.bridges["span"].stall(0.0)
        assert watched(border, ann, 3000.0) == "harbor"
        assert border.steps() == ["issued", "void", "refused", "closed"]

    @pytest.mark.parametrize("halt", [[0.0, 300.0], [20.0, 300.0], [50.0, 300.0], [80.0, 300.0], [100.0, 300.0]])
    @pytest.mark.parametrize("what", ["bridge", "alpha", "beta"])
    def test_an_outage_at_any_time(self, what: str, halt: list[float]) -> None:
        change = {"bridges.span.halts": [halt]} if what == "bridge" else {f"chains.{what}.outages": [halt]}
        border, ann = setting(**change)
        border.issued(ann, validity=1000.0)
        assert watched(border, ann, 2500.0) == "reef"
        assert border.locked(ann) == []

    @pytest.mark.parametrize("voided", [False, True])
    def test_every_letter_once_more_and_in_any_order_changes_nothing(self, voided: bool) -> None:
        border, ann = setting(**doomed(voided))
        border.issued(ann)
        place = watched(border, ann, 400.0)
        said, steps = list(border.letters), border.steps()
        before = books(border)
        for order in (said, said[::-1], said * 2):
            for letter in order:
                border.enter(border.world.protocols[letter.to])
                border.office(letter.to).receive(letter)
            assert border.steps() == steps
            assert books(border) == before
        assert sound(border, ann) == place

    @pytest.mark.parametrize("kind", ["offer", "accept", "commit", "void", "done", "refuse"])
    @pytest.mark.parametrize("voided", [False, True])
    def test_a_letter_that_comes_twice_at_once_counts_once(self, kind: str, voided: bool) -> None:
        border, ann = setting(**doomed(voided))
        for name in ("harbor", "reef"):
            twice(border, name, kind)
        border.issued(ann)
        assert watched(border, ann, 400.0) == ("harbor" if voided else "reef")
        assert len(border.steps()) == len(set(border.steps()))

    def test_an_offer_that_comes_after_its_end_opens_nothing(self) -> None:
        border, ann = setting()
        border.lose.append("offer")
        border.issued(ann, validity=30.0)
        watched(border, ann, 300.0)
        offer = next(letter for letter in border.letters if letter.kind == "offer")
        border.enter(border.reef)
        border.office("reef").receive(offer)
        assert watched(border, ann, 600.0) == "harbor"
        assert border.locked(ann) == []

    def test_an_acceptance_that_comes_after_the_end_commits_nothing(self) -> None:
        border, ann = setting()
        border.lose.append("accept")
        border.issued(ann, validity=60.0)
        watched(border, ann, 300.0)
        accept = next(letter for letter in border.letters if letter.kind == "accept")
        border.enter(border.harbor)
        border.office("harbor").receive(accept)
        assert watched(border, ann, 600.0) == "harbor"
        assert border.table("passports", step="committed") == []


def twice(border: Border, name: str, kind: str) -> None:
    """The bridge brings letters of a kind twice to an office."""
    office = border.office(name)
    usual = office.receive

    def receive(letter: Letter) -> None:
        usual(letter)
        if letter.kind == kind:
            usual(letter)

    office.receive = receive  # type: ignore[method-assign]


def books(border: Border) -> tuple[Any, ...]:
    """Everything that anybody has."""
    found: list[Any] = [border.world.treasury.balance.tolist()]
    for p in (border.harbor, border.reef):
        found += [p.ledger.quote.tolist(), p.ledger.slot_size.tolist(), p.ledger.coins.tolist(), sorted(p.locks)]
    return tuple(found)


class TestExpiry:
    """The acceptance reaches harbor at 66 s; the source's clock alone decides."""

    @pytest.mark.parametrize(("expiry", "goes"), [(65.0, False), (66.0, False), (66.5, True), (67.0, True)])
    def test_the_race(self, expiry: float, goes: bool) -> None:
        border, ann = setting()
        border.issued(ann, validity=expiry - 5.0)
        assert watched(border, ann, 300.0, step=1.0) == ("reef" if goes else "harbor")
        assert len(border.table("passports", step="committed")) == int(goes)
        assert len(border.table("passports", step="void")) == int(not goes)
        assert border.locked(ann) == []

    def test_a_commit_that_comes_long_after_the_expiry_opens_the_account_all_the_same(self) -> None:
        border, ann = setting()
        border.lose.append("commit")
        border.issued(ann, validity=62.0)
        border.until(150.0)
        assert border.where(ann) == ["transit"]
        assert watched(border, ann, 600.0) == "reef"


FORGED_HOLDINGS = Holdings(1e6, (Position("BTC", 10.0, 1.0, 0.0),), (), 1e6)


class TestForgery:
    """An attacker who has all the bridge's keys delivers what it likes; it has no protocol's key."""

    def forge(self, border: Border, kind: Any, passport: Passport | None, key: bytes, sender: str, to: str) -> None:
        letter = sign(Letter(kind, sender, to, passport, FORGED_HOLDINGS, amount=-1e6, reason="x"), key)
        border.enter(border.world.protocols[to])
        border.office(to).receive(letter)

    @pytest.mark.parametrize("when", [6.0, 40.0, 80.0, 150.0])
    @pytest.mark.parametrize("kind", ["offer", "accept", "refuse", "commit", "void", "done", "statement"])
    def test_without_the_senders_key_no_letter_does_anything_at_any_time(self, kind: str, when: float) -> None:
        border, ann = setting()
        passport = border.issued(ann)
        border.until(when)
        before, steps = books(border), border.steps()
        said = None if kind == "statement" else passport
        for key in (b"", b"the attacker's", key_of("harbor"), key_of("reef")):
            for sender, to in (("harbor", "reef"), ("reef", "harbor"), ("atoll", "reef"), ("reef", "reef")):
                if key != key_of(sender):
                    self.forge(border, kind, said, key, sender, to)
        assert books(border) == before
        assert set(border.steps()[len(steps) :]) == {"forged"}
        assert watched(border, ann, 400.0) == "reef"

    @pytest.mark.parametrize("kind", ["offer", "commit", "void"])
    def test_a_target_with_its_own_key_cannot_play_the_source(self, kind: str) -> None:
        border, ann = setting()
        passport = border.issued(ann)
        border.until(40.0)
        self.forge(border, kind, passport, key_of("reef"), "reef", "harbor")
        assert border.table("passports", step="forged")
        assert watched(border, ann, 400.0) == "reef"

    def test_a_genuine_letter_about_another_passport_of_the_number_is_of_none(self) -> None:
        """Reef itself says that it takes an account on better terms than those offered."""
        border, ann = setting()
        passport = border.issued(ann)
        border.until(20.0)
        for other in (
            replace(passport, holdings=FORGED_HOLDINGS),
            replace(passport, expiry=1e9),
            replace(passport, number=7),
        ):
            self.forge(border, "accept", other, key_of("reef"), "reef", "harbor")
        assert border.table("passports", step="committed") == []
        assert watched(border, ann, 400.0) == "reef"

    def test_a_commit_of_what_was_never_reserved_opens_nothing(self) -> None:
        """Even harbor's own signature does not bring positions into being that reef has not admitted."""
        border, ann = setting()
        passport = border.issued(ann, validity=1.0)
        border.until(20.0)
        self.forge(border, "commit", passport, key_of("harbor"), "harbor", "reef")
        assert border.sizes(border.reef, ann) == {}
        assert watched(border, ann, 400.0) == "harbor"

    def test_the_source_itself_opens_nothing_but_what_was_reserved(self) -> None:
        """Its genuine commits of other holdings, or under another passport of the number, are none."""
        border, ann = setting()
        passport = border.issued(ann)
        border.until(40.0)
        before = books(border)
        self.forge(border, "commit", passport, key_of("harbor"), "harbor", "reef")
        other = replace(passport, holdings=FORGED_HOLDINGS)
        self.forge(border, "commit", other, key_of("harbor"), "harbor", "reef")
        self.forge(border, "void", other, key_of("harbor"), "harbor", "reef")
        assert books(border) == before
        assert watched(border, ann, 400.0) == "reef"

    def test_one_account_is_promised_to_one_protocol_at_a_time(self) -> None:
        border, ann = setting()
        border.issued(ann)
        assert getattr(border.issue(ann), "reason", "") == "locked"
        assert watched(border, ann, 400.0) == "reef"
        assert getattr(border.issue(ann), "reason", "") == "empty"

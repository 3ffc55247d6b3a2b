"""Two protocols on two chains with a bridge, driven by the world's own clock, and a watch on what crosses between them.

Trades cost nothing and move no price: BTC at 50,000, ETH at 2,000.  Harbor on alpha asks for 5 % (3 % maintenance), reef on
beta for 2 % (1 %), with its markets in the other order.  A letter takes about thirty seconds: finality 10, relay 20.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from abm.identity import account_id, owner_ids
from abm.ledger import CROSS
from abm.model import CrossMarginModel
from abm.protocol.passport.document import Letter, Passport, Refusal
from abm.protocol.passport.office import Office
from abm.protocol.protocol import Protocol
from abm.protocol.subaccounts import open_account
from abm.scenario import Scenario
from agents.population import populate
from tests.abm.protocol.bench import FREE
from tests.agents.worlds import description

HOUR = 3600.0

LONG: tuple[tuple[str, float], ...] = (("BTC", 0.5), ("ETH", -4.0))
"""An account of some standing: 33,000 USD of notional."""


def two_protocols(**replace: Any) -> dict[str, Any]:
    """The small world with another protocol on the other chain."""
    data = description() | {"clock": {"duration": HOUR}}
    data["venues"].append({
        "name": "reef-book", "chain": "beta",
        "markets": [{"asset": "ETH", "kind": "perp", "depth": 1e7}, {"asset": "BTC", "kind": "perp", "depth": 2e7}],
    })  # fmt: skip
    data["oracles"].append({"name": "beta-feed", "chain": "beta", "sources": ["bourse"]})
    data["protocols"].append({
        "name": "reef", "chain": "beta", "venue": "reef-book", "oracle": "beta-feed",
        "markets": [{"asset": "ETH", "imf": 0.02, "mmf": 0.01}, {"asset": "BTC", "imf": 0.02, "mmf": 0.01}],
        "liquidation": {"fund": 1e5, "vault": 1e6},
    })  # fmt: skip
    return data | replace


class Border:
    """A world of two protocols in the hands of a test.

    Attributes
    ----------
    letters
        All that offices have sent, in order.
    lose
        Kinds of letters of which the next is lost by the relayer for ever.
    """

    def __init__(self, change: Mapping[str, Any] | None = None, **replace: Any) -> None:
        free = FREE | {"venues.reef-book.impact.enabled": False}
        free |= {"venues.reef-book.markets.*.spread": 0.0}
        scenario = Scenario.from_dict(two_protocols(**replace)).override(free | dict(change or {}))
        self.model = populate(CrossMarginModel(scenario))
        self.world = self.model.world
        self.harbor, self.reef = (self.world.protocols[name] for name in ("harbor", "reef"))
        self.letters: list[Letter] = []
        self.lose: list[str] = []
        self._send, self.world.post.send = self.world.post.send, self._watched  # type: ignore[method-assign]
        self._opened = False

    def _watched(self, letter: Letter) -> str:
        refused = self._send(letter)
        if not refused:
            self.letters.append(letter)
            if letter.kind in self.lose:
                self.lose.remove(letter.kind)
                bridge = self.world.bridges["span"]
                bridge.drop(bridge.messages[-1].id)
        return refused

    # accounts

    def account(
        self, name: str = "ann", deposit: float = 10_000.0, *, at: str = "harbor", number: int = 0, mode: int = CROSS,
        held: Sequence[tuple[str, float]] = LONG, coins: Mapping[str, float] | None = None,
    ) -> int:  # fmt: skip
        """An account with cash, coins by ASSET@CHAIN and positions by coin, before the clock starts; its id."""
        p, owner = self.world.protocols[at], int(owner_ids(name)[0])
        holder = int(self.world.treasury.add_owners(np.array([owner]))[0])
        account = account_id(owner, number)
        row = np.array([open_account(p, owner, account, mode=mode, cohort=self.world.cohort(name))])
        self.world.treasury.inject(holder, p.cash_token, deposit)
        p.deposit(row, np.array([deposit]))
        for token, amount in (coins or {}).items():
            p.endow(row, np.array([amount]), p.collaterals.index((token.split("@")[0], token.split("@")[1])))
        for asset, size in held:
            self.hold(p, account, asset, size)
        return account

    def hold(self, p: Protocol, account: int, asset: str, size: float) -> None:
        """A position against the street at the price of the moment."""
        market = p.assets.index(asset)
        rows, price = np.array([p.ledger.row(account), p.street]), np.full(2, float(p.terms.price[market]))
        p.ledger.trade(rows, np.full(2, market), np.array([size, -size]), price, p.funding, self.world.now)

    def row(self, p: Protocol, account: int) -> int:
        return p.ledger.row(account)

    # time and passports

    def until(self, time: float) -> None:
        """Let the world run."""
        if not self._opened:
            self._opened = True
            self.model._running = True
            self.model._open()
        self.model.run_until(time)

    def office(self, name: str) -> Office:
        return self.world.post.office(name)

    def issue(
        self, account: int, *, source: str = "harbor", target: str = "reef", validity: float = 600.0, owner: int = 0
    ) -> Passport | Refusal:
        """Ask for a passport now, in a block of the source's chain."""
        p = self.world.protocols[source]
        self.enter(p)
        mine = owner or int(p.ledger.owner[p.ledger.row(account)])
        return self.office(source).source.issue(mine, account, target, validity)

    def enter(self, p: Protocol) -> None:
        """The newest block of a protocol's chain."""
        self.world.tape.enter(p.chain, self.world.chains[p.chain].height, float(self.model.time))

    def issued(self, account: int, **keys: Any) -> Passport:
        """A passport that must have been given."""
        passport = self.issue(account, **keys)
        assert isinstance(passport, Passport)
        return passport

    # looking

    def sizes(self, p: Protocol, account: int) -> dict[str, float]:
        """Positions of an account at a protocol, by coin; empty where it has none, or is not there."""
        if account not in p.ledger.id:
            return {}
        row = p.ledger.row(account)
        return {a: p.ledger.held(row, m) for m, a in enumerate(p.assets) if p.ledger.held(row, m) != 0.0}

    def equity(self, p: Protocol, account: int) -> float:
        if account not in p.ledger.id:
            return 0.0
        return float(p.engine.assess(p.ledger, p.terms, np.array([p.ledger.row(account)])).equity[0])

    def where(self, account: int) -> list[str]:
        """Protocols at which an account has positions, and `transit` where it is on its way."""
        found = [p.name for p in (self.harbor, self.reef) if self.sizes(p, account)]
        return found + ["transit" for passport, _ in self.world.post.in_transit() if passport.account == account]

    def locked(self, account: int) -> list[str]:
        return [p.name for p in (self.harbor, self.reef) if account in p.locks]

    def steps(self, passport: Passport | None = None) -> list[str]:
        """Steps so far, of one passport or of all."""
        rows = self.world.log.frame("passports").to_dicts()
        return [
            r["step"] for r in rows
            if passport is None or (r["source"], r["passport"]) == (passport.source, passport.number)
        ]  # fmt: skip

    def table(self, name: str, **equal: Any) -> list[dict[str, Any]]:
        """Rows of a table so far, of which some columns equal something."""
        rows = self.world.log.frame(name).to_dicts()
        return [r for r in rows if all(r[key] == value for key, value in equal.items())]

    def audit(self, tolerance: float = 1e-9) -> None:
        """Money and positions add up now; after every block the world has looked itself."""
        worst = {what: e for what, e in self.world.audit().items() if not abs(e) <= tolerance}
        assert not worst

"""Collateral on other chains: what the last final message said, and how old that is."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from abm.chains.bridge import Bridge, End
from abm.protocol_spec import ProtocolSpec

__all__ = ["Remote"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Remote:
    """Deposits announced but not yet known at home, the age of messages, and coins on their way home.

    Attributes
    ----------
    bridge
        By collateral: the bridge that tells of it, None for collateral at home.
    usual_age
        By collateral: how old a message is when everything works: finality, relay, interval, seconds.
    in_transit
        Settlement coins that left a remote chain and have not arrived, USD.
    """

    def __init__(self, spec: ProtocolSpec, bridges: Mapping[str, Bridge], finality: Mapping[str, float]) -> None:
        self._spec = spec
        self.home = spec.chain
        self.bridge: tuple[Bridge | None, ...] = tuple(
            bridges[c.bridge] if c.chain and c.chain != spec.chain else None for c in spec.collateral
        )
        self._end: tuple[End, ...] = tuple(
            "target" if b is not None and b.spec.target == spec.chain else "source" for b in self.bridge
        )
        self.usual_age = tuple(
            finality[c.chain] + b.spec.delay + spec.message_interval if b else 0.0
            for c, b in zip(spec.collateral, self.bridge, strict=True)
        )
        self.in_transit = 0.0
        self._announced: list[tuple[float, Ints, Floats, int]] = []
        self._opened = 0.0

    def open(self, now: float) -> None:
        """The world opens: what is held remotely is known as of now."""
        self._opened = now

    def stale(self, now: float) -> Floats:
        """float64[H]: factor on each collateral's value for the age of what is known of it.

        `none`: 1; `full`: 0 once the age exceeds the usual one by the grace; `aged`: exp(-rate * seconds beyond).
        """
        factor = np.ones(len(self.bridge))
        if self._spec.staleness == "none":
            return factor
        for h, bridge in enumerate(self.bridge):
            if bridge is None:
                continue
            age = now - max(bridge.last_state(now, self._end[h]), self._opened)
            beyond = age - self.usual_age[h] - self._spec.staleness_grace
            if beyond > 0.0:
                factor[h] = 0.0 if self._spec.staleness == "full" else np.exp(-self._spec.staleness_rate * beyond)
        return factor

    def announce(self, ids: Ints, amounts: Floats, collateral: int, now: float) -> None:
        """Deposits on the other chain, which home will learn of."""
        self._announced.append((now, ids.copy(), amounts.copy(), collateral))

    def arrived(self, now: float) -> list[tuple[Ints, Floats, int]]:
        """Deposits that a final message has told of since: ids, amounts, collateral."""
        if not self._announced:
            return []
        known, waiting = [], []
        for sent, ids, amounts, collateral in self._announced:
            bridge = self.bridge[collateral]
            if bridge is not None and bridge.last_state(now, self._end[collateral]) >= sent:
                known.append((ids, amounts, collateral))
            else:
                waiting.append((sent, ids, amounts, collateral))
        self._announced = waiting
        return known

    def announced(self) -> list[tuple[Ints, Floats, int]]:
        """Deposits that home does not know of yet: ids, amounts, collateral."""
        return [(ids, amounts, collateral) for _, ids, amounts, collateral in self._announced]

    def pending(self, collateral: int) -> float:
        """Coins deposited remotely that home does not know of yet."""
        return float(sum(amounts.sum() for _, amounts, c in self.announced() if c == collateral))

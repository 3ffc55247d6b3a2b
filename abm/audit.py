"""What must add up in a world: supplies, signs, locks of bridges, reserves of pools, claims on protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abm.world import World

__all__ = ["audit", "pool_reserves"]


def audit(world: World) -> dict[str, float]:
    """Each check with its error as a fraction of the gross; 0 is exact.

    `token`: balances against supply; `overdraft`: the worst negative balance of anybody but outside; `bridge`: the
    lock against what the bridge says; `pool`: reserves against the books; `link` and `transit`: what has moved between
    protocols by passports; the others are those of each protocol.
    """
    treasury = world.treasury
    tokens = ["@".join(token) for token in treasury.tokens]
    found = {f"token {t}": float(e) for t, e in zip(tokens, treasury.errors(), strict=True)}
    found |= {f"overdraft {t}": float(e) for t, e in zip(tokens, treasury.overdrafts(), strict=True)}
    for name, bridge in world.bridges.items():
        source, _ = world.crossing.tokens(bridge)
        lock = world.crossing.vault(bridge)
        held = float(treasury.balance[lock, source])
        found[f"bridge {name}"] = (held - bridge.locked) / (abs(held) + 1.0)
    for (venue, asset), amount in pool_reserves(world).items():
        pool = treasury.holder(f"pool:{venue}")
        held = float(treasury.balance[pool, treasury.token(asset, world.place(venue))])
        found[f"pool {venue} {asset}"] = (held - amount) / (abs(held) + abs(amount) + 1.0)
    for name, protocol in world.protocols.items():
        found |= {f"{name} {what}": e for what, e in protocol.errors().items()}
    return found | world.post.errors()


def pool_reserves(world: World) -> dict[tuple[str, str], float]:
    """By pool and asset: what lies in it by its books.  Pools whose trades move no price have no reserves."""
    found: dict[tuple[str, str], float] = {}
    books = world.books
    for book, at in enumerate(books.names):
        if at.kind == "amm" and books.enabled[book]:
            for asset, amount in ((at.asset, books.coins[book]), (world.settlement, books.dollars[book])):
                found[at.venue, asset] = found.get((at.venue, asset), 0.0) + float(amount)
    return found

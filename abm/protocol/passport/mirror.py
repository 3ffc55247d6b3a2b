"""What must add up between protocols: links that mirror each other, and coins in transit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abm.protocol.passport.post import Post
    from abm.protocol.protocol import Protocol

__all__ = ["escrow_errors", "mirror_errors"]


def mirror_errors(post: Post) -> dict[str, float]:
    """By pair of protocols and coin: the sizes of both links less what is in transit between the two, as a fraction of all
    that was traded of it."""
    found = {}
    transit = post.in_transit()
    for a, b in post.pairs():
        for asset in sorted({*a.assets, *b.assets}):
            under_way = sum(
                position.size
                for passport, holdings in transit
                if {passport.source, passport.target} == {a.name, b.name}
                for position in holdings.positions
                if position.asset == asset
            )
            sizes = (_size(post, a, b, asset), _size(post, b, a, asset))
            traded = sum(float(p.ledger.gross[p.assets.index(asset)]) for p in (a, b) if asset in p.assets)
            found[f"link {a.name} {b.name} {asset}"] = (sum(sizes) - under_way) / (traded + 1e-300)
    return found


def _size(post: Post, p: Protocol, peer: Protocol, asset: str) -> float:
    """Signed coins of the link of one protocol with another."""
    account = post.office(p.name).links.accounts.get(peer.name)
    if account is None or asset not in p.assets:
        return 0.0
    return p.ledger.held(p.ledger.row(account), p.assets.index(asset))


def escrow_errors(post: Post) -> dict[str, float]:
    """By pair of protocols and token: coins that lie in transit less those of the accounts in transit, over the gross."""
    found = {}
    for a, b in post.pairs():
        for source, target in ((a, b), (b, a)):
            mine = [
                h
                for passport, h in post.in_transit()
                if (passport.source, passport.target) == (source.name, target.name)
            ]
            holder = source.treasury.holder(f"passport:{source.name}>{target.name}")
            for token, (asset, chain) in enumerate(source.treasury.tokens):
                held = float(source.treasury.balance[holder, token])
                claims = sum(n for h in mine for coin, place, n in h.coins if (coin, place) == (asset, chain))
                found[f"transit {source.name} {target.name} {asset}@{chain}"] = (held - claims) / (held + claims + 1.0)
    return found

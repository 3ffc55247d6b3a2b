"""Ids of owners and their sub-accounts: a function of names, so that one inhabitant more changes nobody else's."""

import hashlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["OWNER_STRIDE", "account_id", "owner_ids"]

OWNER_STRIDE = 16
"""Ids between one owner and the next: the owner's sub-accounts are owner + 1, owner + 2, ..."""

_COHORT = 100_000_000


def owner_ids(name: str, count: int = 1) -> NDArray[np.int64]:
    """int64[count]: the ids of the owners of a cohort, or of a single agent, by its name."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    base = (int.from_bytes(digest, "big") % 9_000_000 + 1_000_000) * _COHORT
    return base + OWNER_STRIDE * np.arange(count, dtype=np.int64)


def account_id(owner: int, number: int) -> int:
    """The id of an owner's sub-account, counted from 0.

    Raises
    ------
    ValueError
        An owner has fifteen sub-accounts at most.
    """
    if not 0 <= number < OWNER_STRIDE - 1:
        raise ValueError(f"sub-account {number}: an owner has {OWNER_STRIDE - 1} at most")
    return owner + 1 + number

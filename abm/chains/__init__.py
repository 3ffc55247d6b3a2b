"""Chains and the bridges between them: blocks, mempool, fees, outages; locks, mints, attested messages."""

from abm.chains.bridge import Bridge, Message, Refusal
from abm.chains.chain import Chain, Inclusion, Transaction

__all__ = ["Bridge", "Chain", "Inclusion", "Message", "Refusal", "Transaction"]

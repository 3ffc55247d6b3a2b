"""Mango v4's known answers, put to the family with a settle token.

Each rule takes a case and the file's parameters, and gives what the case asks for by name.  Balances are in tokens, token 0
is the settlement asset; a perpetual has `perp_lots` of `base_lot` coins and `perp_quote` tokens beside them.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from abm.margin.families.settle_token import HealthKind, SettleToken
from abm.margin.families.settle_token_parameters import PerpMarket, SettleTokenParameters, Token
from abm.margin.state import MarketState
from abm.margin.statement import Position, Statement, ledger_of

__all__ = ["RULES"]

Case = Mapping[str, Any]

PERP = "perp"


def _coin(t: int) -> str | None:
    """How the engine calls a token; the settlement asset has no name."""
    return f"token {t}" if t else None


def _token(form: Case, scaling: Case) -> Token:
    """A token's weights, and the limits past which they scale; a limit of 0 is none, as in the suite."""
    return Token(
        init_asset=form["init_asset"], maint_asset=form["maint_asset"], init_liability=form["init_liab"],
        maint_liability=form["maint_liab"], deposit_scale_start=scaling.get("deposit_scale_start") or None,
        borrow_scale_start=scaling.get("borrow_scale_start") or None,
    )  # fmt: skip


def _market(form: Case) -> PerpMarket:
    """The perpetual's weights: base weights lie as far above one for shorts as below it for longs."""
    return PerpMarket(
        init_base_asset=1.0 - form["init_base"], maint_base_asset=1.0 - form["maint_base"],
        init_base_liability=1.0 + form["init_base"], maint_base_liability=1.0 + form["maint_base"],
        init_overall_asset=form["init_overall"], maint_overall_asset=form["maint_overall"],
        settles_in=_coin(int(form.get("settles_in", 0))),
    )  # fmt: skip


def _state(tokens: list[Case], scaling: list[Case], perp: Case) -> MarketState:
    """Deposits, borrows and slow prices; a slow price is the oracle's where none is given."""
    quiet = MarketState.quiet(np.array([perp["price"]]), np.array([t["price"] for t in tokens[1:]]))
    return replace(
        quiet, settlement_price=float(tokens[0]["price"]), stable=np.array([perp.get("stable", perp["price"])]),
        token_stable=np.array([t.get("stable", t["price"]) for t in tokens]),
        deposits=np.array([float(s.get("deposits", 0.0)) for s in scaling]),
        borrows=np.array([float(s.get("borrows", 0.0)) for s in scaling]),
    )  # fmt: skip


def _health(case: Case, parameters: Case, kind: HealthKind) -> dict[str, Any]:
    """One kind of health of a case's account."""
    tokens, perp = list(parameters["tokens"]), parameters["perp"]
    scaling = list(case.get("scaling") or [{} for _ in tokens])
    names = [str(_coin(t)) for t in range(1, len(tokens))]
    forms = [_token(t, s) for t, s in zip(tokens, scaling, strict=True)]
    form = SettleTokenParameters(
        settlement=forms[0], markets={PERP: _market(perp)}, coins=dict(zip(names, forms[1:], strict=True))
    )
    engine, settles = SettleToken.build(form, (PERP,), names), int(perp.get("settles_in", 0))
    price, coin_price = np.array([float(perp["price"])]), np.array([float(t["price"]) for t in tokens[1:]])
    terms = engine.terms(price, coin_price, state=_state(tokens, scaling, perp))
    size, quote = float(case.get("perp_lots", 0)) * float(perp["base_lot"]), float(case.get("perp_quote", 0.0))
    balances: list[float] = [float(x) for x in case["balances"]]
    if not size:  # a perpetual that was closed: what is left of it counts as a position does, above or below zero
        balances[settles] += quote * (float(engine.weighing(terms, kind).overall[0]) if quote > 0.0 else 1.0)
    positions = (Position(PERP, size, -quote / size),) if size else ()
    account = Statement(balances[0], dict(zip(names, balances[1:], strict=True)), positions)
    return {"value": float(engine.health(ledger_of([account], (PERP,), names), terms, np.array([0]), kind)[0])}


RULES: dict[str, Callable[[Case, Case], dict[str, Any]]] = {
    "init_health": lambda case, parameters: _health(case, parameters, "initial"),
    "maint_health": lambda case, parameters: _health(case, parameters, "maintenance"),
    "liquidation_end_health": lambda case, parameters: _health(case, parameters, "end"),
}

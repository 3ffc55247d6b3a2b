"""Known answers for a preset of one's own: accounts in the form of `crossfire margin`, and what they should come to.

`parameters` names the preset (`preset`: a shipped name, or a path relative to the file) and holds what the cases share
(`prices` and the like); a case has `account`, one account, and may have any key of the form in place of the shared one.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from abm.margin.preset import load_preset, shipped_presets
from experiments.valuing import account_row, value_document

__all__ = ["RULES"]

Case = Mapping[str, Any]

NOT_SHARED = {"name", "kind", "expected", "tolerance", "override", "account", "note"}
"""Keys of a case that are not the market's."""


def margin(case: Case, parameters: Case) -> dict[str, Any]:
    """What `crossfire margin --json` says of one account."""
    shared = {k: v for k, v in parameters.items() if k not in ("preset", "folder")}
    own = {k: v for k, v in case.items() if k not in NOT_SHARED}
    text = json.dumps({**shared, **own, "accounts": [case["account"]]})
    name = str(parameters["preset"])
    preset = load_preset(name if name in shipped_presets() else Path(str(parameters["folder"])) / name)
    return account_row(value_document(text, str(case["name"]), preset), 0)


RULES: dict[str, Callable[[Case, Case], dict[str, Any]]] = {"margin": margin}

"""dYdX v4's known answers, put to the weighted family.

Each rule takes a case and the file's parameters, and gives what the case asks for by name.
"""

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["RULES"]

Case = Mapping[str, Any]

RULES: dict[str, Callable[[Case, Case], dict[str, Any]]] = {}

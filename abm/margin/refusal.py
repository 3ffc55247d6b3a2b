"""An account that a family cannot value: refused by name, not valued wrongly."""

from typing import Any

__all__ = ["RefusedAccount"]


class RefusedAccount(ValueError):
    """What an account has that its family does not know.

    `row` is its row in the ledger, `account` its id, `key` what is wrong of it (`positions`, `category`), `what` is the matter
    and the remedy.
    """

    def __init__(self, row: int, account: int, key: str, what: str) -> None:
        self.row, self.account, self.key, self.what = row, account, key, what
        super().__init__(f"account {account}: {what}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.row, self.account, self.key, self.what)

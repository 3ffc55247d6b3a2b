"""What can be wrong with what a user gives us.

UserError
 +-- ScenarioError      a scenario file, key or value
 +-- PriceFileError     a file of bars
 +-- AccountsFileError  a snapshot of accounts
 +-- RunFolderError     a run's folder: exists, is missing, cannot be written, is damaged
 +-- DesignError        a sweep's design
 +-- PresetError        a preset of margin rules
 +-- StatementError     accounts to be valued without a run
 +-- ConformError       a file of known answers
AuditError              money or positions that do not add up: our mistake, never the user's
"""

import difflib
from collections.abc import Iterable

__all__ = [
    "AccountsFileError",
    "AuditError",
    "ConformError",
    "DesignError",
    "PresetError",
    "PriceFileError",
    "RunFolderError",
    "ScenarioError",
    "StatementError",
    "UserError",
    "nearest",
]


class UserError(ValueError):
    """A mistake that the user can mend.

    `where` is the file, key or row; `what` is wrong there; `remedy` is what to do.  `str()` is one line.
    """

    def __init__(self, where: str, what: str, remedy: str) -> None:
        self.where, self.what, self.remedy = where, what, remedy
        super().__init__(" ".join(f"{where}: {what}; {remedy}".split()))

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.where, self.what, self.remedy)


class ScenarioError(UserError):
    """A scenario file, key or value."""


class PriceFileError(UserError):
    """A file of bars."""


class AccountsFileError(UserError):
    """A snapshot of accounts."""


class RunFolderError(UserError):
    """A run's folder."""


class DesignError(UserError):
    """A sweep's design."""


class PresetError(UserError):
    """A preset of margin rules."""


class StatementError(UserError):
    """Accounts to be valued without a run."""


class ConformError(UserError):
    """A file of known answers."""


class AuditError(RuntimeError):
    """Conservation is broken: says which asset or market, where and when."""


def nearest(word: str, words: Iterable[str]) -> str:
    """Advice on a misspelt word: the near one, or the list of what is allowed."""
    allowed = sorted(set(words))
    close = difflib.get_close_matches(word, allowed, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return "allowed: " + ", ".join(allowed) if allowed else "nothing is allowed here"

"""Mistakes of users, told in one line."""

import pickle

import pytest

from abm.errors import (
    AccountsFileError,
    AuditError,
    DesignError,
    PriceFileError,
    RunFolderError,
    ScenarioError,
    UserError,
    nearest,
)

KINDS = (ScenarioError, PriceFileError, AccountsFileError, RunFolderError, DesignError)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_one_line_of_where_what_and_remedy(kind: type[UserError]) -> None:
    error = kind("file.toml: clock", "is\n wrong", "mend it")
    assert str(error) == "file.toml: clock: is wrong; mend it"
    assert (error.where, error.what, error.remedy) == ("file.toml: clock", "is\n wrong", "mend it")
    assert isinstance(error, UserError)
    assert isinstance(error, ValueError)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_crosses_processes_whole(kind: type[UserError]) -> None:
    error = pickle.loads(pickle.dumps(kind("where", "what", "remedy")))
    assert type(error) is kind
    assert (error.where, error.what, error.remedy) == ("where", "what", "remedy")


def test_a_failed_audit_is_not_the_users_mistake() -> None:
    assert not issubclass(AuditError, UserError)


def test_a_misspelt_word_gets_its_neighbour_a_strange_one_the_list() -> None:
    assert nearest("harbour", ["quay", "harbor"]) == "did you mean 'harbor'?"
    assert nearest("xyz", ["quay", "harbor"]) == "allowed: harbor, quay"
    assert nearest("xyz", []) == "nothing is allowed here"

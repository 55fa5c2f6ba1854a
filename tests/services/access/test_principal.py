import pytest

from maid_lab.model.errors import Refused
from maid_lab.services.access.principal import ALL_SCOPES, LOCAL, ROLES, CredentialKind, Principal, Scope, scopes_of


def test_a_missing_scope_is_named() -> None:
    reader = Principal(kind=CredentialKind.KEY, id="ada", scopes=frozenset({Scope.READ}))
    reader.require(Scope.READ)
    with pytest.raises(Refused, match=r"needs the scope maid\.write, the credential has maid\.read"):
        reader.require(Scope.WRITE)


def test_what_belongs_to_others_needs_an_administrator() -> None:
    writer = Principal(kind=CredentialKind.KEY, id="ada", scopes=ROLES["write:loadtests"])
    writer.require_owner("ada", "run 1")
    with pytest.raises(Refused, match=r"run 1 belongs to bob"):
        writer.require_owner("bob", "run 1")
    LOCAL.require_owner("bob", "run 1")


def test_roles_add_up_and_unknown_ones_grant_nothing() -> None:
    assert scopes_of(["read:loadtests", "write:loadtests"]) == {Scope.READ, Scope.WRITE, Scope.RECIPES}
    assert scopes_of(["admin"]) == ALL_SCOPES
    assert scopes_of(["superuser"]) == frozenset()


def test_the_audit_log_is_told_the_credential_not_the_display_name() -> None:
    key = Principal(kind=CredentialKind.KEY, id="ada", name="Ada Lovelace", key_id="0123456789", address="127.0.0.1", client="curl/8")
    assert key.actor() == {
        "kind": "key", "id": "ada", "key_id": "0123456789", "roles": [], "address": "127.0.0.1", "client": "curl/8",
    }  # fmt: skip

import io
import re
import stat
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask_security import Security, SQLAlchemySessionUserDatastore, verify_and_update_password

from webapp import accounts
from webapp.accounts import (
    PASSWORD_SETTINGS,
    create_key,
    create_user,
    find_key,
    list_keys,
    list_users,
    revoke_key,
    set_password,
)
from webapp.errors import BadAccount, UnknownRecord
from webapp.records.accounts import ApiKey, Role, RoleName, Scope, User
from webapp.records.base import now

PASSWORD = "a long password"


@pytest.fixture
def admin(database):
    return create_user(database, email="admin@hospital.example", password=PASSWORD, role="admin")


@pytest.fixture
def clinician(database):
    return create_user(database, email="clinician@hospital.example", password=PASSWORD, role=RoleName.CLINICIAN)


def test_the_password_is_hashed_as_the_login_checks_it(database, admin):
    app = Flask(__name__)
    app.config.update({"SECRET_KEY": "k", "SECURITY_PASSWORD_SALT": "any", **PASSWORD_SETTINGS})
    Security(app, SQLAlchemySessionUserDatastore(database.scoped(), User, Role))
    assert admin.password.startswith("$argon2id$")
    hashed = admin.password
    with app.app_context():
        assert verify_and_update_password(PASSWORD, admin)
        assert not verify_and_update_password(PASSWORD + "!", admin)
    assert admin.password == hashed


def test_users_hold_the_role_they_were_given(database, admin, clinician):
    assert {user.email: [role.name for role in user.roles] for user in list_users(database)} == {
        "admin@hospital.example": ["admin"],
        "clinician@hospital.example": ["clinician"],
    }


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"email": "nobody"}, "'nobody' is no e-mail address"),
        ({"email": "ADMIN@hospital.example"}, "an account for ADMIN@hospital.example already"),
        ({"password": "short"}, "has 5 signs; choose 12 to 1024"),
        ({"password": "x" * 1025}, "has 1025 signs; choose 12 to 1024"),
        ({"role": "king"}, "'king' is no role; choose one of clinician, admin"),
    ],
)
def test_an_account_is_refused_with_the_reason(database, admin, change, says):
    asked = {"email": "new@hospital.example", "password": PASSWORD, "role": "clinician", **change}
    with pytest.raises(BadAccount, match=says):
        create_user(database, **asked)


def test_a_new_password_ends_the_sessions(database, admin):
    changed = set_password(database, email=admin.email, password="another password")
    assert changed.fs_uniquifier != admin.fs_uniquifier
    assert changed.password != admin.password


def test_a_key_is_shown_once_and_only_its_hash_is_kept(database, admin):
    key, token = create_key(database, owner_email=admin.email, name="PACS", scope="screen")
    assert re.fullmatch(r"sg_[0-9a-f]{8}_[\w-]{43}", token)
    found = find_key(database, token)
    assert found is not None
    assert (found.id, found.scope, found.owner.email) == (key.id, Scope.SCREEN, admin.email)
    assert token not in repr(vars(found))
    assert list_keys(database, owner_id=admin.id)[0].last_used is not None


@pytest.mark.parametrize("wrong", ["", "sg", "sg__", "sg_00000000_x", "{token}x", "x{token}"])
def test_a_wrong_key_is_unknown(database, admin, wrong):
    _, token = create_key(database, owner_email=admin.email, name="PACS", scope="screen")
    assert find_key(database, wrong.format(token=token)) is None


def test_a_revoked_key_is_refused(database, admin):
    key, token = create_key(database, owner_email=admin.email, name="PACS", scope="admin")
    first = revoke_key(database, key.id).revoked
    assert find_key(database, token) is None
    assert revoke_key(database, key.id).revoked == first


def test_an_expired_key_is_refused(database, admin):
    key, token = create_key(database, owner_email=admin.email, name="PACS", scope="screen", days=1)
    with database.transaction() as session:
        session.get_one(ApiKey, key.id).expires = now() - timedelta(seconds=1)
    assert find_key(database, token) is None


def test_a_key_of_a_disabled_account_is_refused(database, admin):
    _, token = create_key(database, owner_email=admin.email, name="PACS", scope="screen")
    with database.transaction() as session:
        session.get_one(User, admin.id).active = False
    assert find_key(database, token) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": " "}, "has 0 signs"),
        ({"scope": "all"}, "'all' is no scope of a key; choose one of screen, admin"),
        ({"scope": "admin"}, "is no administrator"),
        ({"days": 0}, "cannot live for 0 days"),
    ],
)
def test_a_key_is_not_made_with(database, clinician, change, says):
    with pytest.raises(BadAccount, match=says):
        create_key(database, **{"owner_email": clinician.email, "name": "n", "scope": "screen", **change})


def test_unknown_accounts_and_keys_are_named(database):
    with pytest.raises(UnknownRecord, match=r"no account for 'who@hospital\.example'"):
        create_key(database, owner_email="who@hospital.example", name="n", scope="screen")
    with pytest.raises(UnknownRecord, match="no API key 7"):
        revoke_key(database, 7)


def test_the_command_line_makes_accounts_and_keys(settings, monkeypatch, capsys):
    monkeypatch.setenv("SCANGATE_DATA_ROOT", str(settings.data_root))
    assert accounts.main(["create-user", "admin@hospital.example", "--role", "admin"]) == 0
    assert re.search(r"Password: \S{16}\n", capsys.readouterr().out)
    assert accounts.main(["create-key", "PACS", "--owner", "admin@hospital.example", "--days", "30"]) == 0
    assert "\nsg_" in capsys.readouterr().out
    assert accounts.main(["list-keys"]) == 0
    assert "PACS" in capsys.readouterr().out
    assert accounts.main(["revoke-key", "1"]) == 0
    assert accounts.main(["list-users"]) == 0
    assert "admin@hospital.example  admin" in capsys.readouterr().out
    assert accounts.main(["revoke-key", "9"]) == 1
    assert capsys.readouterr().err == "There is no API key 9; look at the list of keys.\n"


def test_the_command_line_makes_a_data_root_that_is_closed_to_others(settings, monkeypatch, capsys):
    monkeypatch.setenv("SCANGATE_DATA_ROOT", str(settings.data_root))
    assert accounts.main(["list-users"]) == 0
    assert stat.S_IMODE(settings.data_root.stat().st_mode) == 0o700
    monkeypatch.setenv("SCANGATE_PORT", "none")
    assert accounts.main(["list-users"]) == 1
    assert "SCANGATE_PORT is 'none'" in capsys.readouterr().err


def test_the_command_line_renews_a_password(settings, database, monkeypatch, capsys, clinician):
    monkeypatch.setenv("SCANGATE_DATA_ROOT", str(settings.data_root))
    assert accounts.main(["set-password", clinician.email]) == 0
    drawn = re.search(r"Password: (\S{16})\n", capsys.readouterr().out)
    (renewed,) = list_users(database)
    assert PasswordHasher().verify(renewed.password, drawn.group(1))
    assert renewed.fs_uniquifier != clinician.fs_uniquifier
    monkeypatch.setattr("sys.stdin", io.StringIO("another long password\n"))
    assert accounts.main(["set-password", clinician.email, "--password-stdin"]) == 0
    assert "password:" not in capsys.readouterr().out.lower()
    assert PasswordHasher().verify(list_users(database)[0].password, "another long password")


def test_the_command_line_refuses_a_short_password_and_an_unknown_account(settings, database, monkeypatch, capsys):
    monkeypatch.setenv("SCANGATE_DATA_ROOT", str(settings.data_root))
    assert accounts.main(["set-password", "nobody@hospital.example"]) == 1
    assert "There is no account for 'nobody@hospital.example'" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert accounts.main(["set-password", "nobody@hospital.example", "--password-stdin"]) == 1
    assert "The password has 5 signs; choose 12 to 1024." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "allowed"),
    [
        (["create-user", "boss@example.org", "--role", "boss"], ("clinician", "admin")),
        (["create-key", "boss@example.org", "--name", "all", "--scope", "all"], ("screen", "admin")),
    ],
)
def test_the_command_line_names_what_may_be_chosen(settings, capsys, command, allowed):
    with pytest.raises(SystemExit):
        accounts.main(command)
    told = capsys.readouterr().err
    assert all(word in told for word in allowed)
    assert "<" not in told

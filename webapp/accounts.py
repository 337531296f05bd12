"""Users and API keys: made, checked, revoked; `python -m webapp.accounts --help` does it from the command line."""

import argparse
import hashlib
import hmac
import secrets
import sys
import unicodedata
from collections.abc import Sequence
from datetime import timedelta

from argon2 import PasswordHasher
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.config import Settings
from webapp.errors import BadAccount, UnknownRecord, WebappError
from webapp.records.accounts import ApiKey, Role, RoleName, Scope, User
from webapp.records.base import new_id, now
from webapp.records.session import Database
from webapp.records.upgrade import upgrade

PASSWORD_SETTINGS: dict[str, object] = {
    "SECURITY_PASSWORD_HASH": "argon2",
    # Argon2 carries its own salt. A second hash keyed with the secret key would lock everybody out when that changes.
    "SECURITY_PASSWORD_SINGLE_HASH": {"argon2"},
    "SECURITY_PASSWORD_SCHEMES": ["argon2"],
    "SECURITY_PASSWORD_NORMALIZE_FORM": "NFKD",
}
"""What Flask-Security must be told to check the passwords that are hashed here."""

MIN_PASSWORD = 12
_MAX_PASSWORD = 1024  # Argon2 over megabytes would be a way to keep the server busy.
_USED_EVERY = timedelta(minutes=1)
_DESCRIPTIONS = {
    RoleName.CLINICIAN: "Screens scans and reads verdicts.",
    RoleName.ADMIN: "Builds, trains, releases and watches over the gate.",
}


def create_user(database: Database, *, email: str, password: str, role: RoleName | str) -> User:
    """Make an account with one role.

    Raises:
        BadAccount: the address is none or taken, the password too short, the role unknown.
    """
    address, hashed = _address(email), _hashed(password)
    with database.transaction() as session:
        if _by_email(session, address) is not None:
            raise BadAccount(f"There is an account for {address} already; choose another address.")
        user = User(email=address, password=hashed, roles=[_role(session, role)])
        session.add(user)
    return user


def set_password(database: Database, *, email: str, password: str) -> User:
    """Give an account a new password, which ends all its sessions.

    Raises:
        BadAccount: the password is too short.
        UnknownRecord: no account has this address.
    """
    hashed = _hashed(password)
    with database.transaction() as session:
        user = _existing(session, email)
        user.password, user.fs_uniquifier = hashed, new_id() + new_id()
    return user


def list_users(database: Database) -> list[User]:
    """Every account, by address."""
    with database.reading() as session:
        return list(session.scalars(select(User).order_by(User.email)))


def create_key(
    database: Database, *, owner_email: str, name: str, scope: Scope | str, days: int | None = None
) -> tuple[ApiKey, str]:
    """Make an API key for a program; gives its row and the key itself, which is shown this once.

    Raises:
        BadAccount: no name, an unknown scope, a life under a day, or more rights than the owner has.
        UnknownRecord: no account has this address.
    """
    if not name.strip() or len(name) > 120:
        raise BadAccount(f"The name of a key has {len(name.strip())} signs; give it 1 to 120.")
    if scope not in list(Scope):
        raise BadAccount(f"{scope!r} is no scope of a key; choose one of {', '.join(Scope)}.")
    if days is not None and not 1 <= days <= 3650:
        raise BadAccount(f"A key cannot live for {days} days; choose 1 to 3650, or none for no end.")
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    token = f"sg_{prefix}_{secret}"
    with database.transaction() as session:
        owner = _existing(session, owner_email)
        if scope == Scope.ADMIN and not any(role.name == RoleName.ADMIN for role in owner.roles):
            raise BadAccount(f"{owner.email} is no administrator; give the key the scope {Scope.SCREEN}.")
        expires = None if days is None else now() + timedelta(days=days)
        key = ApiKey(prefix=prefix, sha256=_sha256(token), scope=Scope(scope), name=name.strip(), owner=owner)
        key.expires = expires
        session.add(key)
    return key, token


def find_key(database: Database, token: str) -> ApiKey | None:
    """The row of a key that may be used now; None for one that is unknown, wrong, expired, revoked or ownerless.

    The caller learns nothing about which of these it is.
    """
    parts = token.split("_", 2)
    prefix = parts[1] if len(parts) == 3 else ""
    with database.reading() as session:
        key = session.scalars(select(ApiKey).where(ApiKey.prefix == prefix)).one_or_none()
    # Compared in constant time, also against nothing.
    right = hmac.compare_digest(_sha256(token), key.sha256 if key else "0" * 64)
    moment = now()
    if key is None or not right or key.revoked or not key.owner.active or (key.expires and key.expires <= moment):
        return None
    if key.last_used is None or moment - key.last_used >= _USED_EVERY:
        # Not at every request, or each screening would wait for the write lock.
        with database.transaction() as session:
            session.get_one(ApiKey, key.id).last_used = moment
    return key


def list_keys(database: Database, *, owner_id: int | None = None) -> list[ApiKey]:
    """Every key, or those of one owner, newest first."""
    wanted = select(ApiKey).order_by(ApiKey.id.desc())
    with database.reading() as session:
        return list(session.scalars(wanted if owner_id is None else wanted.where(ApiKey.owner_id == owner_id)))


def revoke_key(database: Database, key_id: int) -> ApiKey:
    """End a key for good; revoking twice keeps the first date.

    Raises:
        UnknownRecord: there is no such key.
    """
    with database.transaction() as session:
        key = session.get(ApiKey, key_id)
        if key is None:
            raise UnknownRecord(f"There is no API key {key_id}; look at the list of keys.")
        key.revoked = key.revoked or now()
    return key


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 1 and a sentence when it is refused."""
    arguments = _parser().parse_args(argv)
    try:
        database = Database(Settings.from_environment().with_data_root().database_url)
        upgrade(database)
        sys.stdout.write("\n".join(_do(database, arguments)) + "\n")
    except WebappError as e:
        sys.stderr.write(f"{e}\n")
        return 1
    return 0


def _do(database: Database, arguments: argparse.Namespace) -> list[str]:
    if arguments.command == "create-user":
        password, shown = _password(arguments)
        user = create_user(database, email=arguments.email, password=password, role=arguments.role)
        return [f"Made {arguments.role} {user.email}.", *shown]
    if arguments.command == "set-password":
        password, shown = _password(arguments)
        user = set_password(database, email=arguments.email, password=password)
        return [f"{user.email} has a new password and is logged out everywhere.", *shown]
    if arguments.command == "list-users":
        return [f"{user.email}  {', '.join(role.name for role in user.roles)}" for user in list_users(database)]
    if arguments.command == "create-key":
        key, token = create_key(
            database, owner_email=arguments.owner, name=arguments.name, scope=arguments.scope, days=arguments.days
        )
        return [f"Made key {key.id} with the scope {key.scope}. It is shown this once:", token]
    if arguments.command == "revoke-key":
        return [f"Key {revoke_key(database, arguments.id).id} is revoked."]
    return [_line(key) for key in list_keys(database)]


def _password(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    if arguments.password_stdin:
        return sys.stdin.readline().rstrip("\n"), []
    password = secrets.token_urlsafe(12)
    return password, [f"Password: {password}"]


def _line(key: ApiKey) -> str:
    state = "revoked" if key.revoked else f"until {key.expires:%Y-%m-%d}" if key.expires else "no end"
    return f"{key.id}  sg_{key.prefix}_...  {key.scope}  {key.owner.email}  {key.name}  {state}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m webapp.accounts", description="Users and API keys.")
    commands = parser.add_subparsers(dest="command", required=True)
    user = commands.add_parser("create-user", help="make an account; prints a password unless one is given")
    user.add_argument("--role", choices=[str(role) for role in RoleName], default=RoleName.CLINICIAN)
    renewed = commands.add_parser("set-password", help="give an account a new password, which ends all its sessions")
    for command in (user, renewed):
        command.add_argument("email")
        command.add_argument("--password-stdin", action="store_true", help="read it from the first line of stdin")
    commands.add_parser("list-users", help="list the accounts")
    key = commands.add_parser("create-key", help="make an API key; prints it once")
    key.add_argument("name", help="which program it is for")
    key.add_argument("--owner", required=True, help="the address of the account that answers for it")
    key.add_argument("--scope", choices=[str(scope) for scope in Scope], default=Scope.SCREEN)
    key.add_argument("--days", type=int, help="how long it lives; without this, for ever")
    commands.add_parser("list-keys", help="list the API keys")
    commands.add_parser("revoke-key", help="end an API key").add_argument("id", type=int)
    return parser


def _address(email: str) -> str:
    try:
        return validate_email(email, check_deliverability=False).normalized
    except EmailNotValidError as e:
        raise BadAccount(f"{email[:80]!r} is no e-mail address: {e}") from e


def _by_email(session: Session, email: str) -> User | None:
    # As Flask-Security looks accounts up, so that two never differ in case alone.
    return session.scalars(select(User).where(func.lower(User.email) == email.lower())).first()


def _existing(session: Session, email: str) -> User:
    user = _by_email(session, email)
    if user is None:
        raise UnknownRecord(f"There is no account for {email[:80]!r}; look at the list of accounts.")
    return user


def _role(session: Session, name: RoleName | str) -> Role:
    if name not in list(RoleName):
        raise BadAccount(f"{name!r} is no role; choose one of {', '.join(RoleName)}.")
    role = session.scalars(select(Role).where(Role.name == str(name))).one_or_none()
    return role or Role(name=str(name), description=_DESCRIPTIONS[RoleName(name)])


def _hashed(password: str) -> str:
    if not MIN_PASSWORD <= len(password) <= _MAX_PASSWORD:
        raise BadAccount(f"The password has {len(password)} signs; choose {MIN_PASSWORD} to {_MAX_PASSWORD}.")
    return PasswordHasher().hash(unicodedata.normalize("NFKD", password))


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())

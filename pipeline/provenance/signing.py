"""Signatures of the data root: its Ed25519 key, and the envelopes of DSSE.

Ed25519 is RFC 8032. DSSE is https://github.com/secure-systems-lab/dsse, protocol version 1.0.2: what is signed is the
payload together with its type, in a form that no parser needs to read before the signature is checked.
"""

import base64
import hashlib
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from pipeline.artefacts import DataRoot
from pipeline.errors import BrokenHistory

PRIVATE, PUBLIC = "provenance.ed25519", "provenance.ed25519.pub"


@dataclass(frozen=True)
class Envelope:
    """A payload with its type and one signature over both."""

    payload_type: str
    payload: bytes
    key_id: str
    signature: bytes

    def to_json(self) -> dict[str, object]:
        """As DSSE writes it."""
        signed = {"keyid": self.key_id, "sig": base64.b64encode(self.signature).decode()}
        payload = base64.b64encode(self.payload).decode()
        return {"payload": payload, "payloadType": self.payload_type, "signatures": [signed]}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Envelope":
        """The envelope that was written so.

        Raises:
            ValueError: it is none, or has not exactly one signature.
        """
        try:
            (signed,) = raw["signatures"]
            payload, signature = (base64.b64decode(text, validate=True) for text in (raw["payload"], signed["sig"]))
            return cls(str(raw["payloadType"]), payload, str(signed["keyid"]), signature)
        except (KeyError, TypeError) as e:
            raise ValueError(f"not an envelope: {e}") from e


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """What DSSE signs: version, type and payload, each text with its length before it."""
    kind = payload_type.encode("utf-8")
    return b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])


def sign(payload_type: str, payload: bytes, key: Ed25519PrivateKey) -> Envelope:
    """The payload in an envelope that whoever holds `key` vouches for."""
    signature = key.sign(pre_authentication(payload_type, payload))
    return Envelope(payload_type, payload, key_id(key.public_key()), signature)


def opened(envelope: Envelope, key: Ed25519PublicKey) -> bytes:
    """The payload, after its signature was checked.

    Raises:
        BrokenHistory: another key signed it, or the signature is not one of this payload.
    """
    if envelope.key_id != (own := key_id(key)):
        raise BrokenHistory(
            f"signed with key {envelope.key_id[:16]}…, this data root's is {own[:16]}…; bring back the {PUBLIC} "
            "that it was signed with"
        )
    try:
        key.verify(envelope.signature, pre_authentication(envelope.payload_type, envelope.payload))
    except InvalidSignature:
        raise BrokenHistory("the signature is not one of this content") from None
    return envelope.payload


def key_id(key: Ed25519PublicKey) -> str:
    """The name of a key: SHA-256 of its 32 bytes, in hex."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()


def signing_key(root: DataRoot) -> Ed25519PrivateKey:
    """The key that signs for a data root, made when it is first asked for.

    Raises:
        BrokenHistory: it is gone or no key, though it was there.
    """
    private, public = root.keys / PRIVATE, root.keys / PUBLIC
    if not private.exists() and not public.exists():
        fresh = Ed25519PrivateKey.generate()
        _put(private, fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = _read(private)
    if not public.exists():
        _put(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return key


def verifying_key(root: DataRoot, file: Path | None = None) -> Ed25519PublicKey:
    """The public key of a data root, or of a file that somebody kept elsewhere.

    Raises:
        BrokenHistory: it is not there, or no Ed25519 key.
    """
    own = root.path / "keys" / PUBLIC
    path = file or own
    step = "bring it back" if file is None else f"name another file; the data root's own key lies in {own}"
    try:
        content = path.read_bytes()
    except OSError as e:
        raise BrokenHistory(f"{path}: no public key to check signatures with, {e.strerror or e}; {step}") from e
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as e:
        raise BrokenHistory(f"{path}: not an Ed25519 public key in PEM; {step}") from e
    if not isinstance(key, Ed25519PublicKey):
        raise BrokenHistory(f"{path}: not an Ed25519 public key in PEM but one of another kind; {step}")
    return key


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as e:
        raise BrokenHistory(f"{path}: no key to sign with ({e}); bring it back from a backup") from e
    if not isinstance(key, Ed25519PrivateKey):
        raise BrokenHistory(f"{path}: not an Ed25519 key; bring back the one that was there")
    return key


def _put(path: Path, content: bytes) -> None:
    """Write a file that appears whole, for its owner alone; of several who try at once, the first one stands."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink()

import base64
import hashlib
import stat
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from pipeline.artefacts import DataRoot
from pipeline.errors import BrokenHistory
from pipeline.provenance import signing
from pipeline.provenance.signing import (
    PRIVATE,
    PUBLIC,
    Envelope,
    key_id,
    opened,
    pre_authentication,
    sign,
    signing_key,
    verifying_key,
)

# RFC 8032, section 7.1, test 1: the empty message.
SECRET = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
PUBLIC_HEX = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
SIGNATURE = (
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe246551"
    "41438e7a100b"
)
KEY = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SECRET))


def test_the_signature_is_that_of_the_standard() -> None:
    assert KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex() == PUBLIC_HEX
    assert KEY.sign(b"").hex() == SIGNATURE
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(PUBLIC_HEX)).verify(bytes.fromhex(SIGNATURE), b"")


def test_what_is_signed_is_what_dsse_says() -> None:
    signed = pre_authentication("http://example.com/HelloWorld", b"hello world")
    assert signed == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_lengths_are_those_of_bytes() -> None:
    assert pre_authentication("ä", b"") == "DSSEv1 2 ä 0 ".encode()


def test_an_envelope_opens_with_the_key_that_signed_it() -> None:
    envelope = sign("text/plain", b"hello", KEY)
    assert opened(Envelope.from_json(envelope.to_json()), KEY.public_key()) == b"hello"
    assert envelope.key_id == hashlib.sha256(bytes.fromhex(PUBLIC_HEX)).hexdigest()
    told = envelope.to_json()
    assert set(told) == {"payload", "payloadType", "signatures"}
    assert base64.b64decode(told["payload"]) == b"hello"


def test_another_key_is_told_by_its_name() -> None:
    other = Ed25519PrivateKey.generate().public_key()
    with pytest.raises(BrokenHistory, match=f"signed with key {key_id(KEY.public_key())[:16]}.*{key_id(other)[:16]}"):
        opened(sign("text/plain", b"hello", KEY), other)


@pytest.mark.parametrize("change", [{"payload": b"hallo"}, {"payload_type": "text/html"}, {"signature": bytes(64)}])
def test_a_changed_envelope_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BrokenHistory, match="the signature is not one of this content"):
        opened(replace(sign("text/plain", b"hello", KEY), **change), KEY.public_key())


@pytest.mark.parametrize("raw", [[], {}, {"signatures": []}, {"payload": 1, "payloadType": "a", "signatures": [{}]}])
def test_what_is_no_envelope_is_refused(raw: object) -> None:
    with pytest.raises(ValueError, match=r"envelope|unpack"):
        Envelope.from_json(raw)


def test_the_key_is_made_once_and_for_its_owner_alone(root: DataRoot) -> None:
    first, again = signing_key(root), signing_key(root)
    assert first.private_bytes_raw() == again.private_bytes_raw()
    assert stat.S_IMODE((root.keys / PRIVATE).stat().st_mode) == 0o600
    assert stat.S_IMODE(root.keys.stat().st_mode) == 0o700
    assert sorted(path.name for path in root.keys.iterdir()) == [PRIVATE, PUBLIC]
    assert key_id(verifying_key(root)) == key_id(first.public_key())


def test_of_two_who_make_a_key_at_once_the_first_one_stands(root: DataRoot) -> None:
    signing_key(root)
    kept = (root.keys / PRIVATE).read_bytes()
    signing._put(root.keys / PRIVATE, b"late")
    assert (root.keys / PRIVATE).read_bytes() == kept


def test_a_lost_private_key_is_not_replaced(root: DataRoot) -> None:
    signing_key(root)
    (root.keys / PRIVATE).unlink()
    with pytest.raises(BrokenHistory, match=r"no key to sign with .*bring it back from a backup"):
        signing_key(root)


def test_a_lost_public_key_is_made_anew_by_who_signs(root: DataRoot) -> None:
    name = key_id(signing_key(root).public_key())
    (root.keys / PUBLIC).unlink()
    with pytest.raises(BrokenHistory, match="no public key to check signatures with"):
        verifying_key(root)
    signing_key(root)
    assert key_id(verifying_key(root)) == name


def test_keys_of_another_kind_are_refused(root: DataRoot) -> None:
    other = X25519PrivateKey.generate()
    (root.keys / PRIVATE).write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (root.keys / PUBLIC).write_bytes(public)
    with pytest.raises(BrokenHistory, match="not an Ed25519 key"):
        signing_key(root)
    with pytest.raises(BrokenHistory, match="not an Ed25519 public key in PEM but one of another kind; bring it back"):
        verifying_key(root)

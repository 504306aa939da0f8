"""The policy on disk: in force only as it was signed; every refusal is one line."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from interferon.model.errors import InputError, InterferonError, PolicyError
from interferon.store import policy_folder
from interferon.trust.policy import Policy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A network folder with the policy of a new installation, unsigned."""
    policy_folder.write_observing(tmp_path / "net")
    return tmp_path / "net"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "policy.pem"


def refused(folder: Path, pinned: str = "") -> str:
    """The line that `load` refuses with."""
    with pytest.raises(PolicyError) as caught:
        policy_folder.load(folder, pinned)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_signed_policy_is_in_force_and_the_key_is_its_owners_alone(folder: Path, key: Path) -> None:
    signed = policy_folder.sign(folder, key)
    assert (signed.made_key, signed.files) == (True, ("observe.cedar", "people.cedar"))
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert policy_folder.load(folder).may("ann", "operator", "approve")
    policy_folder.load(folder, signed.fingerprint)
    assert policy_folder.sign(folder, key) == policy_folder.Signed(signed.fingerprint, False, signed.files)
    assert policy_folder.status(folder).problem == ""
    assert policy_folder.problems(folder) == []


def test_an_unsigned_policy_is_not_in_force_and_no_problem_either(folder: Path) -> None:
    assert "is not signed" in refused(folder)
    status = policy_folder.status(folder)
    assert (status.fingerprint, status.policy is not None) == ("", True)
    assert "is not signed" in status.problem
    assert policy_folder.problems(folder) == []


def test_a_change_an_added_file_and_a_removed_file_break_the_signature(folder: Path, key: Path) -> None:
    policy_folder.sign(folder, key)
    observe, extra = folder / "policy" / "observe.cedar", folder / "policy" / "extra.cedar"
    kept = observe.read_bytes()
    observe.write_bytes(kept + b"// more\n")
    assert "does not fit the policy files" in refused(folder)
    assert policy_folder.problems(folder)[0].file == "policy/policy.sig"
    observe.write_bytes(kept)
    extra.write_text('@id("x") permit (principal, action, resource);')
    assert "does not fit" in refused(folder)
    extra.unlink()
    policy_folder.load(folder)
    observe.unlink()
    assert "does not fit" in refused(folder)


def test_a_replaced_key_is_noticed_by_whoever_knows_the_right_one(folder: Path, key: Path, tmp_path: Path) -> None:
    right = policy_folder.sign(folder, key).fingerprint
    with pytest.raises(InputError, match="--replace-key"):
        policy_folder.sign(folder, tmp_path / "other.pem")
    assert not (tmp_path / "other.pem").exists()
    other = policy_folder.sign(folder, tmp_path / "other.pem", replace_key=True)
    assert other.fingerprint != right
    policy_folder.load(folder)
    assert "somebody replaced the key" in refused(folder, right)
    with pytest.raises(InputError, match="is not the key"):
        policy_folder.sign(folder, key)


def test_a_damaged_public_key_or_signature_is_told(folder: Path, key: Path) -> None:
    policy_folder.sign(folder, key)
    (folder / "policy" / "policy.sig").write_bytes(b"\xff\xfe")
    assert "policy.sig is damaged" in refused(folder)
    (folder / "policy" / "policy.pub").write_text("AAAA")
    assert "policy.pub is damaged" in refused(folder)
    assert "policy.pub is damaged" in policy_folder.status(folder).problem
    (folder / "policy" / "policy.pub").unlink()
    (folder / "policy" / "policy.pub").mkdir()
    assert "Is a directory" in refused(folder)


def test_a_policy_that_does_not_hold_is_neither_signed_nor_loaded(folder: Path, key: Path) -> None:
    bad = folder / "policy" / "bad.cedar"
    bad.write_text('// first\n@id("b") permit (principal, action, resource) when { context.nonsense };')
    with pytest.raises(PolicyError, match=r"bad\.cedar:2: "):
        policy_folder.sign(folder, key)
    assert not key.exists()
    (problem,) = policy_folder.problems(folder)
    assert (problem.file, problem.line) == ("policy/bad.cedar", 2)
    bad.write_bytes(b"// one\n\xe9")
    (problem,) = policy_folder.problems(folder)
    assert (problem.line, problem.message) == (2, "byte 7 is not UTF-8; save the file as UTF-8")
    assert policy_folder.status(folder).policy is None


def test_a_byte_order_mark_does_no_harm(folder: Path, key: Path) -> None:
    path = folder / "policy" / "observe.cedar"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    policy_folder.sign(folder, key)
    assert {rule.id for rule in policy_folder.load(folder).rules} == {rule.id for rule in Policy.observing().rules}


def test_no_policy_at_all(tmp_path: Path) -> None:
    assert "there is no policy in" in refused(tmp_path)
    assert policy_folder.problems(tmp_path) == []
    (tmp_path / "policy" / "dir.cedar").mkdir(parents=True)
    assert "Is a directory" in refused(tmp_path)


def test_key_files_that_will_not_do(folder: Path, key: Path) -> None:
    policy_folder.sign(folder, key)
    key.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        policy_folder.sign(folder, key)
    rsa = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in (b"no key", rsa):
        key.chmod(0o600)
        key.write_bytes(content)
        with pytest.raises(InterferonError, match="is not an Ed25519 private key"):
            policy_folder.sign(folder, key)

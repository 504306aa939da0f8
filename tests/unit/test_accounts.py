"""Named accounts: the file is private, passwords are not in it, unknown names and wrong passwords look alike."""

import stat
from pathlib import Path

import pytest

from interferon.model.errors import InputError
from interferon.store import accounts as module
from interferon.store.accounts import FILE, Accounts, Cost, hashed, matches

QUICK = Cost(n=2**10, r=1, p=1)  # the tests need no strong hashes
GOOD = "correct horse battery"


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path, QUICK)


def test_an_account_is_verified_by_its_password_alone(accounts: Accounts, tmp_path: Path) -> None:
    assert not accounts.exists()
    accounts.add("ann", "operator", GOOD, "2026-01-05T00:00:00+00:00")
    assert accounts.exists()
    assert accounts.verify("ann", GOOD) == "operator"
    assert accounts.verify("ann", GOOD + "!") is None
    assert accounts.verify("bob", GOOD) is None
    text = (tmp_path / FILE).read_text()
    assert GOOD not in text
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_the_same_work_is_done_for_an_unknown_name(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.add("ann", "viewer", GOOD, "2026-01-05")
    done: list[str] = []
    real = module.matches

    def noted(password: str, stored: str) -> bool:
        done.append(stored.rsplit("$", 2)[0])
        return real(password, stored)

    monkeypatch.setattr(module, "matches", noted)
    accounts.verify("ann", "wrong")
    accounts.verify("nobody", "wrong")
    assert done == ["scrypt$1024$1$1"] * 2


def test_another_process_sees_the_change(accounts: Accounts, tmp_path: Path) -> None:
    other = Accounts(tmp_path, QUICK)
    accounts.add("ann", "viewer", GOOD, "2026-01-05")
    assert other.verify("ann", GOOD) == "viewer"
    accounts.disable("ann")
    assert other.verify("ann", GOOD) is None
    assert other.exists(), "locking the last account must not open the doors"
    accounts.disable("ann", False)
    assert other.verify("ann", GOOD) == "viewer"
    (tmp_path / FILE).unlink()
    assert not other.exists()


def test_accounts_are_listed_by_name(accounts: Accounts) -> None:
    for name in ("zoe", "ann"):
        accounts.add(name, "viewer", GOOD, "2026-01-05")
    assert [account.name for account in accounts.listed()] == ["ann", "zoe"]


def test_the_password_is_compared_as_people_type_it() -> None:
    assert matches("caf\u00e9 au lait fort", hashed("cafe\u0301 au lait fort", QUICK))


@pytest.mark.parametrize(
    ("name", "role", "password", "message"),
    [
        ("an n", "viewer", GOOD, "cannot be an account's name"),
        ("", "viewer", GOOD, "cannot be an account's name"),
        ("ann", "emperor", GOOD, "there is no role 'emperor'; roles are viewer, operator"),
        ("ann", "viewer", "short", "the password is too short: 12"),
        ("bob", "viewer", GOOD, "there is an account 'bob' already"),
    ],
)
def test_what_cannot_be_an_account(accounts: Accounts, name: str, role: str, password: str, message: str) -> None:
    accounts.add("bob", "viewer", GOOD, "2026-01-05")
    with pytest.raises(InputError, match=message):
        accounts.add(name, role, password, "2026-01-05")


def test_only_a_known_account_is_disabled(accounts: Accounts) -> None:
    with pytest.raises(InputError, match=r"there is no account .ann.*there are none"):
        accounts.disable("ann")


ROW = '[[account]]\nname = "ann"\nrole = "viewer"\nhash = "{}"\ncreated = "2026"\n'
HASH = hashed(GOOD, QUICK)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[account", "not TOML"),
        ('[[account]]\nname = "ann"\n', "missing required field"),
        (ROW.format(HASH) + "admin = true\n", "unknown field"),
        (ROW.format(HASH).replace("viewer", "king"), "has the role 'king'"),
        (ROW.format("plain"), "the hash is damaged"),
        (ROW.format(HASH.replace("1024", "1000")), "sensible parameters"),
        (ROW.format(HASH.replace("scrypt", "md5")), "sensible parameters"),
        (ROW.format(HASH) * 2, "two accounts have the same name"),
    ],
)
def test_a_damaged_file_is_told_in_one_line(accounts: Accounts, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        accounts.verify("ann", GOOD)
    assert FILE in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text(accounts: Accounts, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xff\xff")
    with pytest.raises(InputError, match="not TOML"):
        accounts.exists()

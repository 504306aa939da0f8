"""Orders are held by signed files that an ERP, a thread with a book of its own, takes, checks and acknowledges."""

import csv
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from interferon.effector import kit
from interferon.effector.actuators import erp_files
from interferon.effector.actuators.erp_files import Settings
from interferon.effector.protocol import Job, Target
from interferon.sense import edifact_segments as edifact


class Erp:
    """Takes files whose signature holds, keeps its book, writes its export anew, acknowledges with its own signature."""

    def __init__(self, folder: Path, form: str) -> None:
        self.folder, self.form = folder, form
        self.sent, self.acks, self.export = folder / "out", folder / "in", folder / "export.csv"
        self.own, self.theirs = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        pem = self.theirs.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "key.pem").write_bytes(pem)
        (folder / "erp.pem").write_bytes(self.own.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        self.sent.mkdir()
        self.acks.mkdir()
        self.status = {"o-1": "open", "o-2": "shipped"}
        self.taken: list[str] = []
        self.answers = self.signs = True
        self.write()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def settings(self, **more: Any) -> Settings:
        where = {"out_dir": self.sent, "in_dir": self.acks, "export": self.export, "key_file": self.folder / "key.pem"}
        paths: dict[str, Any] = {key: str(path) for key, path in where.items()}
        return Settings(**{**paths, "ack_key_file": str(self.folder / "erp.pem"), "format": self.form, "ack_s": 2.0, **more})

    def write(self) -> None:
        with self.export.with_suffix(".part").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["kind", "id", "status", "partner"])
            rows.writerows(["order", key, status, "acme"] for key, status in self.status.items())
        self.export.with_suffix(".part").replace(self.export)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(0.01):
            for path in sorted(self.sent.glob(f"[!.]*.{self.form}")) if self.answers and self.acks.exists() else ():
                self._take(path)

    def _take(self, path: Path) -> None:
        data = path.read_bytes()
        self.theirs.public_key().verify(path.with_name(f"{path.name}.sig").read_bytes(), data)
        order, verb, reference = self._read(data)
        accepted = self.status[order] != "shipped"
        if accepted and path.stem not in self.taken:
            self.status[order] = "held" if verb == "hold" else "open"
        self.taken.append(path.stem)
        self.write()
        path.unlink()
        answer = self._answer(path.stem, reference, accepted)
        if self.signs:
            (self.acks / f"{path.stem}.ack.sig").write_bytes(self.own.sign(answer))
        (self.acks / "part").write_bytes(answer)
        (self.acks / "part").replace(self.acks / f"{path.stem}.ack")

    def _read(self, data: bytes) -> tuple[str, str, str]:
        if self.form == "csv":
            row = next(csv.DictReader(data.decode().splitlines()))
            return row["id"], row["verb"], row["key"]
        marks, start = edifact.separators(data)
        (message,) = edifact.messages(edifact.segments(edifact.decoded(data[start:], marks), marks))
        assert isinstance(message, edifact.Message)
        assert (message.kind, message.release, message.trouble) == ("ORDCHG", "D.96A", "")
        found = {segment.name: segment for segment in message.segments}
        return found["RFF"].get(0, 1), found["FTX"].get(3).lower(), found["BGM"].get(1)

    def _answer(self, name: str, reference: str, accepted: bool) -> bytes:
        if self.form == "csv":
            return f"key,status,detail\n{name},{'accepted' if accepted else 'rejected'},{'' if accepted else 'it has left'}\n".encode()
        body = ["UNH+1+ORDRSP:D:96A:UN", f"BGM+231+A1+{29 if accepted else 27}", "FTX+AAI+++it has left", f"RFF+ACW:{reference}", "UNT+5+1"]
        return "".join(f"{each}'" for each in ["UNB+UNOC:3+ERP+INTERFERON+260105:0800+1", *body, "UNZ+1+1"]).encode()


@pytest.fixture(params=["csv", "edifact"])
def erp(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Erp]:
    erp = Erp(tmp_path, request.param)
    yield erp
    erp.close()


def job(ref: str = "order:o-1", partner: str = "acme") -> Job:
    return Job(effect="e:1", action="hold_transaction", target=Target(ref=ref, identity={"partner": partner}), params={"reason": "it's +1"})


@contextmanager
def cut(erp: Erp) -> Iterator[None]:
    erp.acks.rename(erp.folder / "away")
    try:
        yield
    finally:
        (erp.folder / "away").rename(erp.acks)


def released(erp: Erp) -> None:
    """Somebody at the ERP lets the order go, and the next export says so."""
    time.sleep(0.01)
    erp.status["o-1"] = "open"
    erp.write()


def test_the_kit(erp: Erp) -> None:
    actuator = erp_files.make(erp.settings())
    world = kit.World(actuator, job(), job(partner="bolt"), lambda: dict(erp.status), lambda: released(erp), lambda: cut(erp))
    assert kit.problems(world) == []
    assert erp.taken == [f"{erp.taken[0][:16]}.{n:03}.{verb}" for n, verb in enumerate(["hold", "release", "hold", "hold", "release"], 1)]


def test_what_the_erp_does_not_do_is_told_with_its_words(erp: Erp) -> None:
    outcome = erp_files.make(erp.settings()).apply(job("order:o-2"))
    assert outcome.result == "failed"
    assert outcome.detail == "the ERP does not hold order:o-2: it has left"
    assert erp_files.make(erp.settings()).look(job("order:o-2")).standing == "absent"


def test_a_file_that_is_not_acknowledged_is_unknown_and_is_not_sent_twice(erp: Erp) -> None:
    erp.answers = False
    actuator = erp_files.make(erp.settings(ack_s=0.1))
    assert [actuator.apply(job()).result, actuator.apply(job()).result] == ["unknown", "unknown"]
    assert len(list(erp.sent.glob(f"[!.]*.{erp.form}"))) == 1
    assert actuator.look(job()).standing == "unknown"
    erp.answers = True
    assert erp_files.make(erp.settings()).apply(job()).result == "ok"
    assert erp.status["o-1"] == "held"


def test_an_acknowledgement_that_the_erp_did_not_sign_counts_for_nothing(erp: Erp) -> None:
    erp.signs = False
    actuator = erp_files.make(erp.settings(ack_s=0.2))
    assert actuator.apply(job()).result == "unknown"
    assert erp_files.make(erp.settings(ack_key_file="")).look(job()).standing == "in_force"


@pytest.mark.parametrize(
    ("ref", "result", "why"),
    [("order:o-9", "failed", "is not in"), ("lane:l-1", "refused", "lane:l-1 cannot be held by"), ("order:", "failed", "is not in")],
)
def test_what_cannot_be_held_is_told(erp: Erp, ref: str, result: str, why: str) -> None:
    outcome = erp_files.make(erp.settings()).apply(job(ref))
    assert outcome.result == result
    assert why in outcome.detail
    assert erp.taken == []


def test_settings_that_cannot_be_used_are_told(erp: Erp) -> None:
    assert "the ERP's files cannot be exchanged" in erp_files.make(erp.settings(out_dir="/no/such")).ready()
    assert "key_file /no/such of erp_files cannot be used" in erp_files.make(erp.settings(key_file="/no/such")).ready()
    assert "cannot be read" in erp_files.make(erp.settings(export="/no/such")).identify(job()).detail
    (erp.acks / "x.ack").write_bytes(b"\xff\x00")
    assert erp_files.make(erp.settings()).ready() == ""

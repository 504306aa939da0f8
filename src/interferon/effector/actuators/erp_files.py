"""Holds and releases orders, payments and shipments at an ERP by files: signed CSV or EDIFACT out, acknowledgements and exports in.

Called by the effector's core. Source: UN/EDIFACT D.96A, ORDCHG and ORDRSP (data elements 1001: 230, 231; 1225: 4, 27, 29; 1153: ON, ACW).
Writes `out_dir`, reads `in_dir` and the export. A file's number in its name makes sending it twice sending it once.
"""

import csv
import hashlib
import io
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from interferon.effector.answers import Denied, Gone, Unanswered, identified, same, shown, stood, told
from interferon.effector.protocol import Actuator, Job, Seen, Target
from interferon.model.effects import Outcome
from interferon.model.errors import InputError
from interferon.sense import edifact_segments as edifact

KINDS: Final = {"csv": ("order", "payment", "shipment"), "edifact": ("order",)}
POLL_S: Final = 0.02
Verb = Literal["hold", "release"]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[erp_files]`. `export`: the ERP's own list of open transactions, CSV with `kind`, `id`, `status` and what identities name."""

    out_dir: str
    in_dir: str
    export: str
    key_file: str  # Ed25519, PEM: what is sent is signed
    ack_key_file: str = ""  # public key that acknowledgements must be signed with
    format: Literal["csv", "edifact"] = "csv"
    sender: str = "INTERFERON"
    receiver: str = "ERP"
    ack_s: float = 10.0


def make(settings: Settings) -> Actuator:
    return ErpFiles(settings)


@dataclass(frozen=True)
class Step:
    """One file of an effect. `accepted` is None until it is acknowledged."""

    number: int
    verb: str
    accepted: bool | None
    detail: str = ""
    at_ns: int = 0


class ErpFiles:
    """Targets `order:ID`, with CSV also `payment:ID` and `shipment:ID`. identity: columns of the export, as `partner`."""

    name = "erp_files"
    actions = frozenset({"hold_transaction"})

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ready(self) -> str:
        return shown(self._ready).detail

    def wrong(self, target: Target, action: str) -> str:
        """'' or what is wrong with a target of the effector's file, seen without the world."""
        kinds = KINDS[self._settings.format]
        return "" if target.ref.partition(":")[0] in kinds else f"by {self._settings.format} can be held {', '.join(kinds)}"

    def identify(self, job: Job) -> Outcome:
        return identified(job, lambda: f"{job.target.ref} is {self._meant(job)['status']} in the ERP's export")

    def before(self, job: Job) -> dict[str, Any]:
        return stood(lambda: {"status": self._meant(job)["status"]})

    def apply(self, job: Job) -> Outcome:
        return told(lambda: self._bring(job, "hold"))

    def look(self, job: Job) -> Seen:
        return shown(lambda: self._look(job))

    def undo(self, job: Job) -> Outcome:
        return told(lambda: self._bring(job, "release"))

    def _ready(self) -> Seen:
        self._folders()
        self._key()
        return Seen("absent")

    def _folders(self) -> None:
        for path in (self._settings.out_dir, self._settings.in_dir):
            if not Path(path).is_dir():
                raise Unanswered(f"{path} is not there: the ERP's files cannot be exchanged")

    def _meant(self, job: Job) -> dict[str, str]:
        """The transaction's row of the export, after its identity has been compared."""
        self._folders()
        kind, _, number = job.target.ref.partition(":")
        if kind not in KINDS[self._settings.format]:
            raise InputError(f"{job.target.ref} cannot be held by {self._settings.format}; {', '.join(KINDS[self._settings.format])} can")
        try:
            rows = list(csv.DictReader(io.StringIO(Path(self._settings.export).read_text(encoding="utf-8"))))
            found = next((row for row in rows if (row["kind"], row["id"]) == (kind, number)), None)
        except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
            raise Unanswered(f"export {self._settings.export} cannot be read: {error}") from error
        if found is None:
            raise Gone(f"{job.target.ref} is not in {self._settings.export}: it is not open at the ERP")
        same(job, {key: value for key, value in found.items() if key not in ("kind", "id", "status")})
        return found

    def _bring(self, job: Job, verb: Verb) -> str:
        """Sends one file more, unless the last accepted one says it already, and waits for the acknowledgement."""
        row = self._meant(job)
        wanted = "in_force" if verb == "hold" else "absent"
        steps = list(self._steps(job))
        waiting = next((step for step in steps if step.accepted is None and step is steps[-1] and step.verb == verb), None)
        if waiting is None and (not steps or steps[-1].accepted is not None) and self._look(job).standing == wanted:
            return f"{job.target.ref}: nothing is to be sent"
        number = waiting.number if waiting else len(steps) + 1
        if waiting is None:
            self._send(job, row, number, verb)
        return self._acknowledged(job, number, verb)

    def _acknowledged(self, job: Job, number: int, verb: Verb) -> str:
        end = time.monotonic() + self._settings.ack_s
        while (step := self._step(job, number, verb)) is None or step.accepted is None:
            if time.monotonic() > end:
                raise Unanswered(f"{_name(job, number, verb)} is sent, and not acknowledged in {self._settings.ack_s:g} s")
            time.sleep(POLL_S)
        if not step.accepted:
            raise Denied(f"the ERP does not {verb} {job.target.ref}: {step.detail}")
        return f"{job.target.ref}: {verb} acknowledged"

    def _look(self, job: Job) -> Seen:
        """The last acknowledgement, unless the ERP's export is newer and says otherwise."""
        row, steps = self._meant(job), list(self._steps(job))
        if steps and steps[-1].accepted is None:
            return Seen("unknown", f"{_name(job, steps[-1].number, steps[-1].verb)} waits for its acknowledgement")
        last = next((step for step in reversed(steps) if step.accepted), None)
        if last is None or last.verb == "release":
            return Seen("absent", f"{job.target.ref} has no hold of ours, and is {row['status']}")
        if Path(self._settings.export).stat().st_mtime_ns > last.at_ns and row["status"] != "held":
            return Seen("absent", f"the hold of {job.target.ref} was acknowledged, and since then it is {row['status']}")
        return Seen("in_force", f"the hold of {job.target.ref} is acknowledged")

    def _steps(self, job: Job) -> Iterator[Step]:
        """The files of the effect that left a trace, in their order. One that the ERP took and did not acknowledge leaves none yet."""
        number = 1
        while (found := self._step(job, number, "hold") or self._step(job, number, "release")) is not None:
            yield found
            number += 1

    def _step(self, job: Job, number: int, verb: str) -> Step | None:
        name = _name(job, number, verb)
        ack = Path(self._settings.in_dir, f"{name}.ack")
        try:
            data, at = ack.read_bytes(), ack.stat().st_mtime_ns
        except FileNotFoundError:
            sent = Path(self._settings.out_dir, f"{name}.{self._settings.format}").exists()
            return Step(number, verb, None) if sent else None
        if not self._trusted(ack, data):
            return Step(number, verb, None)
        accepted, detail = _read_csv(data, name) if self._settings.format == "csv" else _read_edifact(data, name)
        return Step(number, verb, accepted, detail, at)

    def _trusted(self, ack: Path, data: bytes) -> bool:
        """Whether the ERP signed it. What is not signed, or by somebody else, counts as not there."""
        if not self._settings.ack_key_file:
            return True
        try:
            key = load_pem_public_key(Path(self._settings.ack_key_file).read_bytes())
            signature = ack.with_name(f"{ack.name}.sig").read_bytes()
            if isinstance(key, Ed25519PublicKey):
                key.verify(signature, data)
        except (OSError, ValueError, InvalidSignature):
            return False
        return isinstance(key, Ed25519PublicKey)

    def _send(self, job: Job, row: dict[str, str], number: int, verb: Verb) -> None:
        """Signature first, then the file in one step: who sees the file can check it."""
        name = _name(job, number, verb)
        data = _csv(job, row, name, verb) if self._settings.format == "csv" else _ordchg(self._settings, job, name, verb)
        final = Path(self._settings.out_dir, f"{name}.{self._settings.format}")
        try:
            final.with_name(f"{final.name}.sig").write_bytes(self._key().sign(data))
            part = final.with_name(f".{final.name}")
            part.write_bytes(data)
            part.replace(final)
        except OSError as error:
            raise Denied(f"{final} cannot be written: {error.strerror}") from error

    def _key(self) -> Ed25519PrivateKey:
        try:
            key = load_pem_private_key(Path(self._settings.key_file).read_bytes(), None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise InputError(f"key_file {self._settings.key_file} of erp_files cannot be used: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise InputError(f"key_file {self._settings.key_file} of erp_files is no Ed25519 key")
        return key


def _name(job: Job, number: int, verb: str) -> str:
    mark = job.effect if re.fullmatch(r"[A-Za-z0-9-]+", job.effect) else hashlib.sha256(job.effect.encode()).hexdigest()[:16]
    return f"{mark}.{number:03}.{verb}"


def _reference(name: str) -> str:
    """Interchange reference of a file: data element 0020 has 14 characters."""
    return hashlib.sha256(name.encode()).hexdigest()[:14].upper()


def _csv(job: Job, row: dict[str, str], name: str, verb: Verb) -> bytes:
    text = io.StringIO()
    kind, _, number = job.target.ref.partition(":")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["key", "verb", "kind", "id", "partner", "reason"])
    writer.writerow([name, verb, kind, number, row.get("partner", ""), str(job.params.get("reason", "security"))])
    return text.getvalue().encode()


def _ordchg(settings: Settings, job: Job, name: str, verb: Verb) -> bytes:
    """A change request (4) that tells the hold or release as free text, with the order's number."""
    now, reference = time.gmtime(), _reference(name)
    number = _safe(job.target.ref.partition(":")[2])
    body = [
        f"BGM+230+{reference}+4",
        f"DTM+137:{time.strftime('%Y%m%d%H%M', now)}:203",
        f"FTX+AAI+++{verb.upper()}:{_safe(str(job.params.get('reason', 'security')))}",
        f"RFF+ON:{number}",
    ]
    head = f"UNB+UNOW:4+{_safe(settings.sender)}+{_safe(settings.receiver)}+{time.strftime('%y%m%d:%H%M', now)}+{reference}"
    segments = [head, "UNH+1+ORDCHG:D:96A:UN", *body, f"UNT+{len(body) + 2}+1", f"UNZ+1+{reference}"]
    return "".join(f"{segment}'\n" for segment in segments).encode()


def _safe(text: str) -> str:
    """Service characters released (ISO 9735)."""
    return "".join(f"?{letter}" if letter in "?'+:" else letter for letter in text)


def _read_csv(data: bytes, name: str) -> tuple[bool | None, str]:
    """(accepted, detail); None for what does not answer this file."""
    row = next(csv.DictReader(io.StringIO(data.decode("utf-8", "replace"))), {})
    if row.get("key") != name or row.get("status") not in ("accepted", "rejected"):
        return None, ""
    return row["status"] == "accepted", row.get("detail") or row["status"]


def _read_edifact(data: bytes, name: str) -> tuple[bool | None, str]:
    """An ORDRSP whose RFF+ACW is our reference; BGM says accepted (29) or not (27)."""
    try:
        found, start = edifact.separators(data)
        messages = list(edifact.messages(edifact.segments(edifact.decoded(data[start:], found), found)))
    except ValueError:
        return None, ""
    for message in messages:
        if isinstance(message, edifact.Message) and message.kind == "ORDRSP" and not message.trouble:
            about = {segment.get(0): segment.get(0, 1) for segment in message.segments if segment.name == "RFF"}
            answer = next((segment.get(2) for segment in message.segments if segment.name == "BGM"), "")
            if about.get("ACW") == _reference(name) and answer in ("27", "29"):
                detail = next((segment.get(3) for segment in message.segments if segment.name == "FTX"), "")
                return answer == "29", detail or "not accepted"
    return None, ""

"""S7comm of Siemens controllers over TPKT and COTP; S7comm-plus and other users of COTP are recognised. Pure.

Driven by `dissect.conversations`.
Sources: RFC 1006 (TPKT), ISO 8073 (COTP). S7comm itself is not published; items and values are read by `s7_items`.
"""

from itertools import count
from struct import Struct
from typing import Final

from interferon.dissect import s7_items as items
from interferon.dissect.known import Known
from interferon.dissect.message import Plain
from interferon.dissect.s7_functions import ANSWERS, JOBS, item_values, specified_items, user_content
from interferon.dissect.s7_names import (
    CONNECTIONS,
    COTP_CODES,
    ERROR_CLASSES,
    FUNCTIONS,
    GROUPS,
    KINDS,
    METHODS,
    OPCODES,
    PLUS,
    SERVICES,
    STARTS,
    SUBFUNCTIONS,
    Awaited,
    Fields,
    Specified,
    Told,
)

NAME: Final = "s7comm"
COTP: Final = "cotp"  # protocol and layer of rows that no S7 is in; MMS of IEC 61850 is carried by COTP too
TCP: Final = (102,)
UDP: Final = ()
START: Final = b"\x03\x00"
LONGEST: Final = 65536  # octets of a message that comes in parts
KEPT: Final = 256  # requests whose answer is awaited, variable lists that are remembered
ASKED: Final = 128  # reads and writes of at most LIST octets that are known by them
ANSWERED: Final = 1024  # answers to them, of at most SHORT octets, that are known by theirs
LIST: Final = 256
SHORT: Final = 128
PARTS: Final = 16  # lists of a controller that come in parts at a time
DATA: Final = 0xF
BEGIN: Final = 0x0300  # of a TPKT
WHOLE: Final = 0x02F08032  # of a COTP header: two octets, data, with the end mark; then S7
VARIABLES: Final = (4, 5)  # functions: read, write
_HEADER: Final = Struct(">BBHHHH").unpack_from
_WHOLE: Final = Struct(">HHIBxxH").unpack_from  # size behind BEGIN, kind and reference behind WHOLE
_CALL: Final = Struct(">HxxH").unpack_from  # of S7comm-plus: function, sequence
UNKNOWN: Final = 0  # in place of a request's number: it is not kept
UNASKED: Final[Awaited] = (("", "", "", {}), [], UNKNOWN)  # in place of a request that was not captured
_asked: Final = Known[bytes, Awaited](ASKED)  # by the octets behind the reference: a controller is asked the same again and again
_answers: Final = Known[tuple[int, bytes], Told](ANSWERED)  # by the number of the request, and the octets behind the reference
_numbers: Final = count(UNKNOWN + 1)


def _tpkt(data: bytes, at: int) -> int:
    """Octets of the TPKT whose first four stand here; 0 where none does."""
    size = data[at + 2] << 8 | data[at + 3]
    return size if data[at] == 3 and not data[at + 1] and size >= 7 else 0


def likely(data: bytes, start: int, end: int) -> bool:
    """Whether a whole S7 message, or a connect request that names two TSAPs of S7, begins here."""
    if end - start < 17 or not (size := _tpkt(data, start)) or size > end - start:
        return False
    length, kind, stop = data[start + 4], data[start + 5], start + size
    if kind == 0xE0:
        found = _connection(data, start + 5, start + 5 + length) if length + 5 == size else {}
        return "rack" in found and "calling_tsap" in found
    at = start + 7
    if length != 2 or kind != 0xF0 or stop - at < 10 or data[at] != 0x32 or data[at + 1] not in KINDS:
        return False
    header = 12 if data[at + 1] in (2, 3) else 10
    return stop - at == header + (data[at + 6] << 8 | data[at + 7]) + (data[at + 8] << 8 | data[at + 9])


def _connection(data: bytes, at: int, end: int) -> Fields:
    """What a connect request or confirm says: references, class and the parameters (ISO 8073, 13.3)."""
    if end - at < 6:
        return {}
    fields: Fields = {
        "destination_reference": data[at + 1] << 8 | data[at + 2],
        "source_reference": data[at + 3] << 8 | data[at + 4],
        "class": data[at + 5] >> 4,
    }
    at += 6
    while end - at >= 2:
        code, stop = data[at], min(at + 2 + data[at + 1], end)
        content = data[at + 2 : stop]
        if code == 0xC0 and len(content) == 1 and content[0] < 16:
            fields["tpdu_size"] = 1 << content[0]
        elif code in (0xC1, 0xC2):
            fields["calling_tsap" if code == 0xC1 else "called_tsap"] = _tsap(content)
            if code == 0xC2 and len(content) == 2 and content[0] in CONNECTIONS:
                fields.update(connection=CONNECTIONS[content[0]], rack=content[1] >> 5, slot=content[1] & 31)
        at = stop
    return fields


def _tsap(content: bytes) -> str:
    plain = content.decode("latin-1")
    return plain if len(content) > 2 and plain.isascii() and plain.isprintable() else content.hex()


def conversation(flow: int) -> "Sessions":
    return Sessions(flow)


class Sessions:
    """One connection: parts of messages that are begun, and the requests whose answers say no more what they are about."""

    def __init__(self, flow: int) -> None:
        self.flow = flow
        self._begun: dict[bool, tuple[list[bytes], int, int]] = {}  # direction: parts, octets of them, octets on the wire
        self._awaited: dict[tuple[bool, int], Awaited] = {}
        self._specified: dict[bytes, Specified] = {}
        self._sessions: dict[int, str] = {}  # of an upload: its block
        self._lists: dict[tuple[bool, int, int, int], bytes] = {}

    def gap(self, to_server: bool) -> None:
        self._begun.pop(to_server, None)
        for key in [key for key in self._lists if key[0] == to_server]:
            del self._lists[key]

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        at = start
        while end - at >= 4:
            if end - at >= 17:  # nearly all traffic of a plant is a whole message of S7, often one that is known: in one step
                begins, size, mark, kind, reference = _WHOLE(data, at)
                alone = begins == BEGIN and 17 <= size <= end - at and (not self._begun or to_server not in self._begun)
                if alone and mark == WHOLE and kind in KINDS:
                    stop = at + size
                    known = None
                    if kind == 1:
                        if size <= LIST and (asked := _asked.get(data[at + 13 : stop])) is not None:
                            known = asked[0]
                            awaited = self._awaited
                            if len(awaited) >= KEPT:
                                del awaited[next(iter(awaited))]
                            awaited[to_server, reference] = asked
                    elif kind == 3 and size <= SHORT and (asked := self._awaited.get(key := (not to_server, reference))) is not None:
                        known = _answers.get((asked[2], data[at + 13 : stop])) if asked[2] else None
                        if known is not None:
                            del self._awaited[key]
                    role = "command" if to_server else "response"
                    if known is None:
                        self._s7(data, at + 7, stop, size, role, to_server, packet, out)
                    else:
                        code, name, outcome, fields = known
                        fields = fields.copy()
                        fields["pdu_reference"] = reference
                        out.append((packet, self.flow, to_server, NAME, role, code, name, outcome, size, fields))
                    at = stop
                    continue
            size = data[at + 2] << 8 | data[at + 3]
            if data[at] != 3 or data[at + 1] or size < 7:
                at = self._lost(data, at, end, to_server, packet, out)
                continue
            stop = at + size
            if stop > end:
                return at
            body = at + 5 + data[at + 4]
            kind = data[at + 5] >> 4
            if body > stop or data[at + 4] < 1 or (kind == DATA and data[at + 4] < 2):
                self._problem("a COTP header longer than its TPKT", data[at:stop], size, to_server, packet, out)
            elif kind != DATA:
                self._cotp(data, at, body, size, to_server, packet, out)
            elif data[at + 6] & 128 and to_server not in self._begun:
                self._payload(data, body, stop, size, to_server, packet, out)
            else:
                self._part(data, at, body, stop, to_server, packet, out)
            at = stop
        if at < end and not START.startswith(data[at : min(at + 2, end)]):
            at = self._lost(data, at, end, to_server, packet, out)
        return at

    def _lost(self, data: bytes, at: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        """One problem for what is no TPKT, and where the next may begin."""
        found = at + 1
        while (
            (found := data.find(START, found, end)) >= 0
            and end - found >= 6
            and not (_tpkt(data, found) and data[found + 5] >> 4 in (DATA, *COTP_CODES))
        ):
            found += 1
        if found < 0:
            found = end - 1 if data[end - 1] == 3 and end - 1 > at else end
        self._problem("no TPKT begins here", data[at : min(found, at + 64)], found - at, to_server, packet, out)
        return found

    def _problem(self, reason: str, octets: bytes, size: int, to_server: bool, packet: int, out: list[Plain]) -> None:
        fields = {"problem": reason, "sample": octets[:64].hex()}
        out.append((packet, self.flow, to_server, NAME, "problem", "", "", "", size, fields))

    def _cotp(self, data: bytes, at: int, body: int, size: int, to_server: bool, packet: int, out: list[Plain]) -> None:
        kind = data[at + 5] >> 4
        code = COTP_CODES.get(kind)
        if code is None:
            self._problem(f"a COTP message of unknown type 0x{data[at + 5]:02x}", data[at : at + size], size, to_server, packet, out)
            return
        fields: Fields = {"layer": COTP}
        if kind in (0xE, 0xD):
            fields |= _connection(data, at + 5, body)
        if kind == 8 and body - at >= 12:
            fields["reason"] = data[at + 10]
        name = f"tsap:{fields['called_tsap']}" if "called_tsap" in fields else ""
        outcome = "success" if kind == 0xD else "failure" if kind in (5, 7) else ""
        out.append((packet, self.flow, to_server, COTP, "message", code, name, outcome, size, fields))

    def _part(self, data: bytes, at: int, body: int, stop: int, to_server: bool, packet: int, out: list[Plain]) -> None:
        """A part of a message that comes in several, up to the one with the end mark (EOT)."""
        parts, size, wire = self._begun.pop(to_server, ([], 0, 0))
        parts.append(data[body:stop])
        size += stop - body
        wire += stop - at
        if size > LONGEST or len(parts) > LONGEST >> 4:
            self._problem(f"a message of more than {LONGEST} octets", parts[0], wire, to_server, packet, out)
        elif data[at + 6] & 128:
            whole = b"".join(parts)
            self._payload(whole, 0, len(whole), wire, to_server, packet, out)
        else:
            self._begun[to_server] = (parts, size, wire)

    def _payload(self, data: bytes, at: int, end: int, size: int, to_server: bool, packet: int, out: list[Plain]) -> None:
        role = "command" if to_server else "response"
        if end - at >= 10 and data[at] == 0x32 and data[at + 1] in KINDS:
            self._s7(data, at, end, size, role, to_server, packet, out)
        elif end - at >= 4 and data[at] == 0x72:
            out.append((packet, self.flow, to_server, NAME, role, "s7comm_plus", "", "", size, _plus(data, at, end)))
        else:
            fields: Fields = {"layer": COTP, "payload_bytes": end - at, "sample": data[at : min(end, at + 64)].hex()}
            out.append((packet, self.flow, to_server, COTP, "message", "cotp_data", "", "", size, fields))

    def _s7(self, data: bytes, at: int, end: int, size: int, role: str, to_server: bool, packet: int, out: list[Plain]) -> None:
        _, kind, _, reference, parameters, rest = _HEADER(data, at)
        answer = kind in (2, 3)
        begin = at + 12 if answer else at + 10
        middle = begin + parameters
        stop = middle + rest
        if stop > end:
            self._problem("an S7 message shorter than its header says", data[at:end], size, to_server, packet, out)
            return
        fields: Fields = {"rosctr": KINDS[kind], "pdu_reference": reference}
        if kind == 7:
            code, name, outcome = self._userdata(data, begin, middle, stop, to_server, reference, fields)
        elif answer:
            asked = self._awaited.pop((not to_server, reference), UNASKED)
            code, name, outcome = self._answer(data, at, begin, middle, stop, asked, fields)
            if kind == 3 and asked[2] and middle > begin and data[begin] in VARIABLES and size <= SHORT and _answers.room():
                _answers[asked[2], data[at + 6 : end]] = (code, name, outcome, fields)
        else:
            code, name, specified = self._job(data, begin, middle, stop, fields)
            outcome = ""
            if middle > begin:
                if data[begin] in VARIABLES and size <= LIST and _asked.room():
                    asked = _asked[data[at + 6 : end]] = ((code, name, "", fields), specified, next(_numbers))
                else:
                    asked = ((code, name, "", {}), specified, UNKNOWN)
                self._await(to_server, reference, asked)
        if stop < end:
            fields["undissected"] = end - stop
        out.append((packet, self.flow, to_server, NAME, role, code, name, outcome, size, fields))

    def _await(self, to_server: bool, reference: int, awaited: Awaited) -> None:
        if len(self._awaited) >= KEPT:
            del self._awaited[next(iter(self._awaited))]
        self._awaited[to_server, reference] = awaited

    def _job(self, data: bytes, at: int, middle: int, end: int, fields: Fields) -> tuple[str, str, list[Fields]]:
        if middle <= at:
            return "job", "", []
        function = data[at]
        code = FUNCTIONS.get(function) or f"function_{function:02x}"
        fields["function_code"] = function
        name = ""
        specified: list[Fields] = []
        if function in VARIABLES:
            known = self._specified.get(data[at + 1 : middle])
            specified, name = self._variables(data, at, middle) if known is None else known
            fields["items"] = specified
            if function == 5 and middle < end:
                fields["items"], _ = item_values(data, middle, end, specified, data[at + 1] if middle - at > 1 else 0, False)
                if len(fields["items"]) == 1 and "value" in fields["items"][0]:
                    fields["value"] = fields["items"][0]["value"]
        elif parse := JOBS.get(function):
            name = parse(data, at, middle, end, fields)
            if function == 0x28:
                code = _service_code(fields)
            elif function in (0x1E, 0x1F):
                name = self._sessions.get(fields.get("session", -1), "")
        return code, name, specified

    def _variables(self, data: bytes, at: int, middle: int) -> Specified:
        """A controller is asked the same again and again: what a list says is remembered."""
        known = specified_items(data, at, middle)
        if len(self._specified) >= KEPT:
            self._specified.clear()
        self._specified[data[at + 1 : middle]] = known
        return known

    def _answer(self, data: bytes, at: int, begin: int, middle: int, end: int, asked: Awaited, fields: Fields) -> tuple[str, str, str]:
        wrong = data[at + 10] << 8 | data[at + 11]
        (code, name, _, _), specified, _ = asked
        if wrong:
            fields.update(error_class=ERROR_CLASSES.get(wrong >> 8) or f"class_{wrong >> 8:02x}", error_code=f"0x{wrong:04x}")
        outcome = "failure" if wrong else "success"
        if middle <= begin:
            return code or fields["rosctr"], name, outcome
        function = data[begin]
        fields["function_code"] = function
        count = data[begin + 1] if middle - begin > 1 else 0
        if function == 4:
            found, refused = item_values(data, middle, end, specified, count, True)
            fields["items"] = found
            outcome = "failure" if refused else outcome
            if len(found) == 1 and "value" in found[0]:
                fields["value"] = found[0]["value"]
        elif function == 5:
            returns = data[middle : min(middle + count, end)]
            fields["items"] = [
                {
                    **(specified[place] if place < len(specified) else {}),
                    "return_code": one,
                    "return": items.RETURNS.get(one) or f"return_{one:02x}",
                }
                for place, one in enumerate(returns)
            ]
            outcome = "failure" if any(one != 0xFF for one in returns) else outcome
        elif parse := ANSWERS.get(function):
            parse(data, begin, middle, end, fields)
            if function == 0x1D and "session" in fields:
                if len(self._sessions) >= KEPT:
                    self._sessions.clear()
                self._sessions[fields["session"]] = name
        if not code or FUNCTIONS.get(function, "") not in (code, "pi_service"):
            code = FUNCTIONS.get(function) or f"function_{function:02x}"
        return code, name, outcome

    def _userdata(
        self, data: bytes, at: int, middle: int, end: int, to_server: bool, reference: int, fields: Fields
    ) -> tuple[str, str, str]:
        """Parameters: three octets, their length, method, type and group, subfunction, sequence; then of an answer how it goes on."""
        if middle - at < 8:
            return "userdata", "", ""
        method, group, sub = data[at + 5] >> 4, data[at + 5] & 15, data[at + 6]
        code = SUBFUNCTIONS.get(group, {}).get(sub) or f"{GROUPS.get(group, f'group_{group:x}')}_{sub:02x}"
        if group == 0:
            code = f"mode_{code}" if code in SUBFUNCTIONS[0].values() else code
        fields.update(group=GROUPS.get(group) or f"group_{group:x}", subfunction=sub, method=METHODS.get(method) or f"method_{method:x}")
        fields["sequence"] = data[at + 7]
        wrong = unit = 0
        more = False
        if middle - at >= 12:
            unit, more, wrong = data[at + 8], bool(data[at + 9]), data[at + 10] << 8 | data[at + 11]
        content, returned = b"", 0xFF
        if end - middle >= 4:
            returned, transport, length = data[middle], data[middle + 1], data[middle + 2] << 8 | data[middle + 3]
            content = data[middle + 4 : min(middle + 4 + ((length + 7) // 8 if transport in items.IN_BITS else length), end)]
        asked = method == 4
        name = ""
        if asked:
            name = user_content(group, code, content, True, fields)
            if name or reference:
                self._await(to_server, reference, ((code, name, "", {}), [], UNKNOWN))
            return code, name, ""
        content = self._whole((to_server, group, sub, unit), content, more and not wrong)
        fields["more"] = more
        if content and not more:
            name = user_content(group, code, content, False, fields)
        awaited = self._awaited.get((not to_server, reference)) if more else self._awaited.pop((not to_server, reference), None)
        if method != 8:
            return code, name, ""
        if wrong:
            fields["error_code"] = f"0x{wrong:04x}"
        if returned != 0xFF:
            fields["return"] = items.RETURNS.get(returned) or f"return_{returned:02x}"
        return code, name or (awaited[0][1] if awaited else ""), "failure" if wrong or returned != 0xFF else "success"

    def _whole(self, key: tuple[bool, int, int, int], content: bytes, more: bool) -> bytes:
        """Data that come in several messages, joined; what is longer than is kept stands for itself."""
        joined = self._lists.pop(key, b"") + content
        if more and len(joined) <= LONGEST:
            if len(self._lists) >= PARTS:
                del self._lists[next(iter(self._lists))]
            self._lists[key] = joined
        return joined


def _service_code(fields: Fields) -> str:
    name = fields.get("service", "")
    code = SERVICES.get(name, "pi_service")
    return STARTS.get(fields.get("argument", "")[:1], code) if name == "P_PROGRAM" else code


def _plus(data: bytes, at: int, end: int) -> Fields:
    """The head of an S7comm-plus message: version, then opcode, function and sequence, behind a digest in version 3."""
    version = data[at + 1]
    fields: Fields = {"version": version, "payload_bytes": data[at + 2] << 8 | data[at + 3]}
    place = at + 4
    if version == 3 and place < end:
        place += 1 + data[place]
    if end - place >= 5 and 1 <= version <= 3:
        opcode = data[place]
        fields["opcode"], fields["operation"] = opcode, OPCODES.get(opcode) or f"opcode_{opcode:02x}"
        if opcode != 0x33 and end - place >= 9:
            function, sequence = _CALL(data, place + 3)
            fields["function_code"], fields["function"] = function, PLUS.get(function) or f"function_{function:04x}"
            fields["sequence"] = sequence
    return fields

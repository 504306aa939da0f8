"""Which messages of syslog tell of a login, and of whom: sshd, Dropbear, sudo, su, login, PAM, vsftpd, Dovecot, Cisco. Pure tables.

Called by `log_lines`. Sources: the messages in the programs' own sources. A message of none of these tells nothing here.
"""

import re
from typing import Final, NamedTuple

LONGEST: Final = 2048  # characters of a message that is looked at
SUCCESS, FAILURE = "success", "failure"


class Told(NamedTuple):
    """What a message tells of an account. `outcome` None: it is no login that was decided. `more`: for the attributes."""

    actor: str = ""
    source: str = ""
    outcome: str | None = None
    more: dict[str, str] = {}  # noqa: RUF012  # never written to


class Saying(NamedTuple):
    """A form of message; its groups `user` and `source` are the account and where from, the others attributes."""

    form: re.Pattern[str]
    outcome: str | None = None
    method: str = ""


def _says(form: str, outcome: str | None = None, method: str = "") -> Saying:
    return Saying(re.compile(form, re.DOTALL), outcome, method)


_FROM: Final = r" from (?P<source>\S+)(?: port (?P<port>\d+))?"
_INVALID: Final = r"(?:(?P<unknown_user>invalid|illegal) user )?"
_QUOTED: Final = r"['\"<](?P<user>[^'\">]*)['\">]"
SSHD: Final = (
    _says(r"Accepted (?P<method>\S+) for (?P<user>.*)" + _FROM + r"\b.*", SUCCESS),
    _says(r"(?:error: )?Failed (?P<method>\S+) for " + _INVALID + r"(?P<user>.*)" + _FROM + r"\b.*", FAILURE),
    _says(
        r"error: PAM: (?:[Aa]uthentication (?:failure|error)|User not known.*|Permission denied.*) for "
        + _INVALID
        + "(?P<user>.*)"
        + _FROM,
        FAILURE,
        "pam",
    ),
    _says(r"(?:Invalid|Illegal) user (?P<user>.*)" + _FROM + r"\s*"),
    _says(r"User (?P<user>.+) from (?P<source>\S+) not allowed because (?P<reason>.*)"),
    _says(r"(?:error: )?maximum authentication attempts exceeded for " + _INVALID + r"(?P<user>.*)" + _FROM + r"\b.*"),
    _says(
        r"(?:Connection (?:closed|reset) by|Disconnected from|Disconnecting) (?:(?:invalid |authenticating )?user (?P<user>.*) )?"
        r"(?P<source>\S+) port (?P<port>\d+)\b.*"
    ),
    _says(
        r"(?:Connection|Received disconnect|Bad protocol version identification .*|Did not receive identification string)" + _FROM + r"\b.*"
    ),
)
DROPBEAR: Final = (
    _says(rf"Password auth succeeded for {_QUOTED} from (?P<source>\S+):(?P<port>\d+)\s*", SUCCESS, "password"),
    _says(rf"Pubkey auth succeeded for {_QUOTED} with .* from (?P<source>\S+):(?P<port>\d+)\s*", SUCCESS, "publickey"),
    _says(rf"Bad (?:PAM )?password attempt for {_QUOTED} from (?P<source>\S+):(?P<port>\d+)\s*", FAILURE, "password"),
    _says(r"Login attempt for nonexistent user(?: '(?P<user>[^']*)')? from (?P<source>\S+):(?P<port>\d+)\s*", FAILURE),
)
_SUDO: Final = (
    r"(?:HOST=\S+ ; )?TTY=(?P<tty>\S+) ; PWD=(?P<directory>[^;]*) ; (?:GROUP=\S+ ; )?USER=(?P<as_user>[^;]+?) ;(?: [^;]*;){0,4}?"
    r" COMMAND=(?P<command_line>.*)"
)
SUDO: Final = (
    _says(r"\s*(?P<user>\S+) : \(command continued\) .*"),
    _says(r"\s*(?P<user>\S+) : " + _SUDO, SUCCESS, "sudo"),
    _says(
        r"\s*(?P<user>\S+) : (?P<reason>\d+ incorrect password attempts?|user NOT (?:in sudoers|authorized on host)|command not allowed"
        r"|a password is required|a terminal is required.*?|no tty present.*?|account validation failure.*?|PAM .*? error.*?) ; " + _SUDO,
        FAILURE,
        "sudo",
    ),
)
SU: Final = (
    _says(r"Successful su for (?P<as_user>\S+) by (?P<user>\S+)\s*", SUCCESS, "su"),
    _says(r"FAILED su for (?P<as_user>\S+) by (?P<user>\S+)\s*", FAILURE, "su"),
    _says(r"FAILED SU \(to (?P<as_user>[^)]*)\) (?P<user>\S+) on (?P<tty>\S+)\s*", FAILURE, "su"),
    _says(r"\(to (?P<as_user>[^)]*)\) (?P<user>\S+) on (?P<tty>\S+)\s*", SUCCESS, "su"),
    _says(r"\+ (?P<tty>\S+) (?P<user>[^\s:]+)[:-](?P<as_user>\S+)\s*", SUCCESS, "su"),
    _says(r"- (?P<tty>\S+) (?P<user>[^\s:]+)[:-](?P<as_user>\S+)\s*", FAILURE, "su"),
    _says(r"'su (?:- )?(?P<as_user>[^']*)' failed for (?P<user>\S+)(?: on (?P<tty>\S+))?\s*", FAILURE, "su"),
    _says(r"'su (?:- )?(?P<as_user>[^']*)' succeeded for (?P<user>\S+)(?: on (?P<tty>\S+))?\s*", SUCCESS, "su"),
    _says(r"BAD SU (?P<user>\S+) to (?P<as_user>\S+) on (?P<tty>\S+)\s*", FAILURE, "su"),
    _says(r"(?P<user>\S+) to (?P<as_user>\S+) on (?P<tty>/\S+)\s*", SUCCESS, "su"),
)
LOGIN: Final = (
    _says(r"(?:LOGIN ON|DIALUP AT) (?P<tty>\S+) BY (?P<user>\S+)(?: FROM (?P<source>\S+))?\s*", SUCCESS, "console"),
    _says(r"(?P<user>ROOT) LOGIN +(?:ON|on) '?(?P<tty>[^\s']+)'?(?: (?:FROM|from) '?(?P<source>[^\s']+)'?)?\s*", SUCCESS, "console"),
    _says(
        r"FAILED LOGIN (?:SESSION )?(?:\(?\d+\)? ?)?(?:on '?(?P<tty>[^\s']+)'? ?)?(?:(?:FROM|from) '?(?P<source>[^\s']+)'? ?)?"
        r"FOR '?(?P<user>[^,']*)'?, (?P<reason>.*)",
        FAILURE,
        "console",
    ),
)
VSFTPD: Final = (
    _says(r"(?:\[pid \d+\] )?\[(?P<user>[^\]]*)\] OK LOGIN: Client \"(?P<source>[^\"]*)\".*", SUCCESS, "ftp"),
    _says(r"(?:\[pid \d+\] )?\[(?P<user>[^\]]*)\] FAIL LOGIN: Client \"(?P<source>[^\"]*)\".*", FAILURE, "ftp"),
)
_DOVECOT: Final = r"user=<(?P<user>[^>]*)>, method=(?P<method>[^,]*), rip=(?P<source>[^,]*),.*"
DOVECOT: Final = (
    _says(r"\w+-login: Login: " + _DOVECOT, SUCCESS),
    _says(r"\w+-login: [^(]*\(auth failed, [^<]*" + _DOVECOT, FAILURE),
)
CISCO: Final = {
    "%SEC_LOGIN-5-LOGIN_SUCCESS": _says(r".*\[user: ?(?P<user>[^\]]*)\] \[Source: ?(?P<source>[^\]]*)\].*", SUCCESS),
    "%SEC_LOGIN-4-LOGIN_FAILED": _says(r".*\[user: ?(?P<user>[^\]]*)\] \[Source: ?(?P<source>[^\]]*)\].*", FAILURE),
    "%ASA-6-605005": _says(r'Login permitted from (?P<source>[^\s/]+)/(?P<port>\S+) to .* for user "(?P<user>[^"]*)".*', SUCCESS),
    "%ASA-6-605004": _says(r'Login denied from (?P<source>[^\s/]+)/(?P<port>\S+) to .* for user "(?P<user>[^"]*)".*', FAILURE),
}
PROGRAMS: Final[dict[str, tuple[Saying, ...]]] = {
    **{name: SSHD for name in ("sshd", "sshd-session", "sshd-auth")},
    **{"dropbear": DROPBEAR, "sudo": SUDO, "su": SU, "su-l": SU, "login": LOGIN, "vsftpd": VSFTPD, "dovecot": DOVECOT},
    **{name: (saying,) for name, saying in CISCO.items()},
    "systemd-logind": (_says(r"New session (?P<session>\S+) of user (?P<user>\S+?)\.\s*"),),
}
_PAM: Final = re.compile(r"(?:PAM )?(?:pam_\w{1,32}\((?P<service>[^):\s]{1,64})(?::(?P<stage>\w{1,32}))?\): )?(?P<rest>.*)", re.DOTALL)
_PAM_FAILED: Final = re.compile(r"(?:(?P<times>\d{1,6}) more )?authentication (?P<what>failures?|success)[;:] (?P<fields>.*)", re.DOTALL)
_PAM_FIELD: Final = re.compile(r"\b(logname|uid|euid|tty|ruser|rhost|user)=(\S*)")
_SESSION: Final = re.compile(
    r"session (?P<what>opened|closed) for user (?P<user>[^\s(]+)(?:\(uid=\d+\))?(?: by (?P<by>[^\s(]*)(?:\(uid=\d+\))?)?\s*"
)
# services whose sessions a person did not open
UNATTENDED: Final = {
    "cron",
    "crond",
    "atd",
    "systemd-user",
    "runuser",
    "runuser-l",
    "gdm-launch-environment",
    "lightdm-greeter",
    "sddm-greeter",
}
SWITCHES: Final = {"su", "su-l", "sudo", "sudo-i", "pkexec", "polkit-1"}  # who opens the session acts, as the user of it
_REPEATED: Final = re.compile(r"message repeated (\d{1,9}) times: \[ ?(.*)\]\s*", re.DOTALL)
NOTHING: Final = Told()


def told(program: str, text: str) -> Told:
    """What one message of a program tells of an account."""
    if len(text) > LONGEST:
        return NOTHING
    if repeated := _REPEATED.fullmatch(text):
        inner = told(program, repeated[2])
        return inner._replace(more=inner.more | {"repeated": repeated[1]}) if inner is not NOTHING else NOTHING
    name, _, old = program.rpartition("/")[2].partition("(")
    name = name if name.startswith("%") else name.lower()
    for saying in PROGRAMS.get(name, ()):
        if found := saying.form.fullmatch(text):
            return _said(saying, found)
    return _pam(name if old.startswith("pam") else "", text)


def _said(saying: Saying, found: re.Match[str]) -> Told:
    parts = {name: value.strip() for name, value in found.groupdict().items() if value and value.strip()}
    user, source = parts.pop("user", ""), parts.pop("source", "")
    if saying.method:
        parts["method"] = saying.method
    return Told(user.lower() if user == "ROOT" else user, address(source), saying.outcome, parts)


def address(source: str) -> str:
    """An address without what marks it as IPv4 in IPv6; '' for the words that stand for none."""
    plain = source.strip("[]").removeprefix("::ffff:")
    return "" if plain.lower() in ("", "-", "?", "unknown", "(null)") else plain


def _pam(service: str, text: str) -> Told:
    found = _PAM.fullmatch(text)
    if found is None or not (service or found["service"] or text.startswith("PAM ")):
        return NOTHING
    service = found["service"] or service
    if session := _SESSION.fullmatch(found["rest"]):
        return _session(service, session)
    if failed := _PAM_FAILED.match(found["rest"]):
        return _authenticated(service, failed)
    return NOTHING


def _session(service: str, found: re.Match[str]) -> Told:
    user, by = found["user"], (found["by"] or "").strip()
    more = {"method": "session", "service": service}
    if service in SWITCHES:
        more["as_user"] = user
        user = by or user
    opened = found["what"] == "opened" and service not in UNATTENDED
    return Told(user, "", SUCCESS if opened else None, {key: value for key, value in more.items() if value})


def _authenticated(service: str, found: re.Match[str]) -> Told:
    fields = {name: value for name, value in _PAM_FIELD.findall(found["fields"]) if value}
    user, source = fields.get("user", ""), address(fields.get("rhost", ""))
    more = {"method": "pam", "service": service, "tty": fields.get("tty", ""), "repeated": found["times"] or ""}
    by = fields.get("ruser") or fields.get("logname", "")
    if service in SWITCHES and by:
        more["as_user"] = user
        user = by
    outcome = SUCCESS if found["what"] == "success" else FAILURE
    return Told(user, source, outcome, {key: value for key, value in more.items() if value})

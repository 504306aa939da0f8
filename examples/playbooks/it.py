"""Playbooks for incidents of information technology, and the one that brings an asset back. Written by `make`."""

from collections.abc import Sequence
from typing import Any

from author import Book, Call, ask, choose, do, given, together, undo, until, when

ASSET = {"asset": given("The asset, as the network tables name it")}
BACK = "return-to-service"
UNPLUG = [ask("shift", "Unplug it", "Unplug the network of __asset__:value; leave it running.", within=900)]
RETURN = {  # what the steps of `restored` and `returned` find out
    "same": ("bool", "It is as approved"),
    "proved": ("bool", "It is proved clean"),
    "quiet": ("bool", "It was quiet"),
}
CLEAN = "__same__:value = true AND __proved__:value = true"


def back(title: str = "Bring it back step by step") -> Call:
    still = ask(
        "it",
        "Keep it isolated",
        "It is not fit to come back: leave __asset__:value isolated and rebuild it. Re-new the isolation before it ends.",
    )
    return Call(title, BACK, ("asset",), [still])


def books() -> list[Book]:
    return [_back(), _ransomware(), _wiper(), _rdp(), _vpn(), _exfiltration(), _logging(), _tunnel(), _rogue()]


def restored(by: str = "it") -> list[Any]:
    """What is there is compared with what was approved, brought back to it, compared again, and proved clean by another person."""
    return [
        ask(by, "Compare with what was approved", "Compare configuration and programs of __asset__:value with the approved state. Are they the same?", ("same",)),
        when("__same__:value = false", "Not as approved?", [
            do("roll_back_config", "asset", "Bring back what was approved", "D3-RC", "What stood there is kept as evidence.", instead=[
                ask(by, "Restore it by hand", "Restore __asset__:value from the last backup before the incident; check its hash.", (), 14_400, defence="D3-RC"),
            ]),
            ask(by, "Compare once more", "Compare again: are configuration and programs of __asset__:value the same as the approved ones now?", ("same",)),
        ]),
        ask("security", "Prove it clean", "Say whether what is in force now, and the backup it came from, are from before the first sign of the incident and were scanned.",
            ("proved",)),
    ]  # fmt: skip


LOCKED = "Leave the account locked"
STAYS = "It goes on: leave __user__:value locked, and enable it only once the case is closed."


def returned(
    action: str,
    on: str,
    title: str,
    by_hand: str,
    again: str,
    defence: str = "D3-RNA",
    quiet: Sequence[Any] = (),
    noisy: Sequence[Any] = (),
) -> list[Any]:
    """It is opened, watched for an hour at reduced trust, and closed again where it is not quiet. `by_hand`, `again`: what people do instead;
    `quiet`: what follows where it was, `noisy` where it was not."""
    return [
        undo(action, on, title, defence, instead=[ask("shift", "Open by hand", by_hand)]),
        ask("security", "Watch for an hour", "Watch __asset__:value for an hour at reduced trust: what is odd on it counts more. Was it quiet?", ("quiet",), 7200, after=3600),
        when("__quiet__:value = false", "Not quiet?", [do(action, on, "Close it again", "D3-NI", instead=[ask("shift", "Close it by hand", again)]), *noisy], [*quiet]),
    ]  # fmt: skip


def _back() -> Book:
    return Book(
        BACK,
        [
            *restored(),
            when(CLEAN, "Fit to come back?",
                 returned("isolate_asset", "asset", "Let it talk again, watched", "Remove the block of __asset__:value at the switch.", "Unplug __asset__:value."),
                 [ask("it", "Rebuild it", "Rebuild __asset__:value from its image; it stays isolated until then.", (), 86_400, defence="D3-RS")]),
        ],
        title="Bring an asset back into service", trigger="The asset is contained and looked at",
        text="Called by other playbooks: what was approved is restored and proved, the asset is watched at reduced trust, then trusted.",
        techniques=[("T1486", "Data Encrypted for Impact"), ("T0889", "Modify Program")], severity=30, impact=40, labels=["it", "ot", "recovery"],
        types=["remediation"], by_hand="The asset may be half open: check that __asset__:value is isolated, then begin again.",
        variables=ASSET | RETURN,
    )  # fmt: skip


def _ransomware() -> Book:
    return Book(
        "ransomware-workstation",
        [
            do("isolate_asset", "asset", "Isolate the workstation", "D3-NI", "Encryption spreads in minutes; the workstation waits.",
               instead=[ask("shift", "Unplug it", "Unplug the network of __asset__:value. Leave it running: memory holds the key.", within=900)]),
            together("Stop the spread while it is looked at",
                     [do("disable_identity", "user", "Lock the account", "D3-AL", instead=[ask("identity", "Lock it by hand", "Disable __user__:value.")])],
                     [ask("it", "Look for others", "Search for the ransom note and the file extension on file shares. On how many hosts is it?", ("hosts",))]),
            when("__hosts__:value > 3", "Is it spreading?", [
                do("isolate_zone", "zone", "Isolate the zone", "D3-NI", "More than three hosts: people cannot be faster than it.",
                   stop=[ask("security", "Cut the zone by hand", "Shut the uplinks of __zone__:value and call the crisis team.")]),
                ask("security", "Declare a crisis", "Call the crisis team. Decide on law enforcement. Do not pay without them."),
            ]),
            ask("it", "Keep evidence", "Take memory and disk images of __asset__:value before anything is changed.", (), 14_400),
            ask("it", "Restore the files", "Restore the files from the last backup before the first encrypted one; test-open ten of them.", (), 28_800, defence="D3-RF"),
            back(),
            undo("disable_identity", "user", "Unlock the account", "D3-ULA",
                 instead=[ask("identity", "Unlock it by hand", "Enable __user__:value with a new password.")]),
        ],
        title="Ransomware on a workstation", trigger="Files are being encrypted",
        text="Contains the host and the account at once, the zone when it spreads, then restores and returns the host.",
        techniques=[("T1486", "Data Encrypted for Impact"), ("T1490", "Inhibit System Recovery"), ("T1021.002", "SMB/Windows Admin Shares")],
        severity=85, impact=40, labels=["it", "ransomware"],
        by_hand="Keep __asset__:value off the network. If its zone is isolated it opens by itself after four hours unless that is renewed.",
        variables=ASSET | {"user": given("The account that was used"), "zone": given("The zone of the asset"), "hosts": ("integer", "Hosts found with it")},
    )  # fmt: skip


def _wiper() -> Book:
    return Book(
        "wiper-server",
        [
            together("Seconds count",
                     [do("isolate_asset", "asset", "Isolate the server", "D3-NI",
                         instead=[ask("shift", "Power it off", "Switch __asset__:value off hard: each second of running destroys more.", within=300, defence="D3-HS")])],
                     [do("cut_conduit", "conduit", "Cut the way to the backups", "D3-NTF", "A wiper looks for backups first.",
                         instead=[ask("it", "Unmount the backups", "Unmount or unplug the backup storage.", within=300)])]),
            do("fail_over", "asset", "Hand its work to the partner", "D3-NI",
               instead=[ask("owner", "Go on by hand", "Go on with the manual procedure for what __asset__:value did.")]),
            ask("it", "Prove the backups", "Mount the backups read-only at a clean host. Are they whole?", ("whole",)),
            when("__whole__:value = true", "Is there a whole backup?",
                 [ask("it", "Rebuild from backup", "Rebuild __asset__:value on new disks; keep the old ones as evidence.", (), 86_400, defence="D3-RS"), back()],
                 [ask("owner", "Decide on a rebuild without data", "No backup is whole. Decide which data are made anew, and from what paper.", (), 86_400)]),
            undo("cut_conduit", "conduit", "Open the way to the backups", "D3-RNA",
                 instead=[ask("it", "Open it by hand", "Let the backups run again, read-only for the first night.")]),
        ],
        title="Wiper on a server", trigger="Files or boot records are being destroyed",
        text="Saves the backups before anything else, hands the work over, rebuilds on new disks.",
        techniques=[("T1485", "Data Destruction"), ("T1561.002", "Disk Structure Wipe"), ("T1490", "Inhibit System Recovery")],
        severity=95, impact=60, labels=["it", "wiper"], by_hand="Backups first: they must be offline. Then the servers of the same zone.",
        variables=ASSET | {"conduit": given("The conduit to the backups"), "whole": ("bool", "The backups are whole")},
    )  # fmt: skip


def _rdp() -> Book:
    return Book(
        "lateral-movement-rdp",
        [
            do("cut_conduit", "conduit", "Cut remote desktop into the zone", "D3-ITF", "The way is cut, not the host: work inside goes on.",
               instead=[do("isolate_asset", "asset", "Isolate the target instead", "D3-NI", instead=UNPLUG)]),
            do("disable_identity", "user", "End the account's sessions", "D3-ST",
               instead=[ask("identity", "Log it off by hand", "Log __user__:value off everywhere and disable it.")]),
            ask("it", "Ask the owner of the account", "Ask the owner, by telephone: was it you? Answer own, shared or stolen.", ("answer",), 1800,
                instead=[ask("security", "Count it as stolen", "Nobody could be reached: treat the account as stolen.", ("answer",))]),
            choose("answer", "Whose session was it?", {
                "own": [ask("security", "Book the way", "Add a jump host for this work; a direct session is not allowed.")],
                "shared": [ask("identity", "End the sharing", "Give each person an account of their own; rotate the shared password.", defence="D3-CRO")],
                "default": [
                    ask("it", "Follow the trail", "List hosts that __user__:value has logged on to since the first sign; look at each.", (), 14_400),
                    ask("identity", "New credentials", "Rotate the credentials of __user__:value and of every admin seen on those hosts.", defence="D3-CRO"),
                    *restored(),
                    until(CLEAN, "Until the host is clean", [
                        ask("it", "Rebuild the host", "Rebuild __asset__:value from its image and compare it with the approved state. Is it the same?", ("same",), 86_400, defence="D3-RS"),
                        ask("security", "Prove the rebuilt host", "Is the image from before the first sign of the incident, and scanned?", ("proved",)),
                    ]),
                ],
            }),
            *returned("cut_conduit", "conduit", "Open the way again, watched", "Restore the firewall rule.", "Take the firewall rule away again.",
                      quiet=[undo("disable_identity", "user", "Unlock the account", "D3-RUAA", instead=[ask("identity", "Unlock it by hand", "Enable __user__:value.")])],
                      noisy=[ask("identity", LOCKED, STAYS)]),
        ],
        title="Lateral movement by remote desktop", trigger="A remote desktop session goes where none has gone",
        text="Cuts the way and the sessions, asks the owner by telephone, follows the trail, restores the host and opens the way watched.",
        techniques=[("T1021.001", "Remote Desktop Protocol"), ("T1078", "Valid Accounts"), ("T0886", "Remote Services")],
        severity=65, impact=25, labels=["it", "identity"], by_hand="Leave the conduit cut; it opens by itself after four hours.",
        variables=ASSET | {"conduit": given("The conduit that it came through"), "user": given("The account"), "answer": ("string", "own, shared or stolen")} | RETURN,
    )  # fmt: skip


def _vpn() -> Book:
    return Book(
        "stolen-vpn-credential",
        [
            do("disable_identity", "user", "Lock the account and end its sessions", "D3-AL",
               instead=[ask("identity", "Block it at the gateway", "End the tunnel of __user__:value at the VPN gateway and disable the account.", within=900)]),
            ask("identity", "Call the person", "Call __user__:value on a number from the personnel file, not from the account. Are they travelling?", ("travelling",)),
            when("__travelling__:value = true", "Was it them?",
                 [undo("disable_identity", "user", "Unlock the account", "D3-ULA", instead=[ask("identity", "Unlock it by hand", "Enable __user__:value.")])],
                 [together("Two ways in at once",
                           [ask("identity", "New credentials", "Reset the password, revoke certificates and second factors, enrol anew in person.", (), 14_400, defence="D3-RIC")],
                           [ask("security", "What was reached", "List what was reached from the tunnel; open a case for each asset.", (), 14_400)]),
                  ask("security", "Look for more", "Search the gateway's log for the same address, client or hour with other accounts.")]),
        ],
        title="Stolen VPN credential", trigger="A VPN login from an impossible place",
        text="Locks first, calls the person on a known number, and only then gives the account back or a new one.",
        techniques=[("T1133", "External Remote Services"), ("T1078", "Valid Accounts"), ("T0822", "External Remote Services")],
        severity=60, impact=10, labels=["it", "identity"], by_hand="The account stays locked; the person works on site until it is settled.",
        variables={"user": given("The account"), "travelling": ("bool", "The person says it was them")},
    )  # fmt: skip


def _exfiltration() -> Book:
    return Book(
        "data-exfiltration",
        [
            do("cut_conduit", "conduit", "Cut the way out", "D3-OTF", "Only the way out: the asset goes on with its work inside.",
               instead=[do("isolate_asset", "asset", "Isolate the asset instead", "D3-NI", instead=UNPLUG)]),
            together("What, where to, and who must know",
                     [ask("it", "What has left", "From flow records and file access: which data, how many, since when?", (), 14_400)],
                     [ask("data", "Is it personal?", "Decide whether personal data or secrets of others are among it.", ("personal",), 14_400)]),
            when("__personal__:value = true", "Must others be told?", [
                ask("data", "Tell the authority", "Notify the authority within 72 hours (GDPR, Article 33) and those concerned where the risk is high.", (), 172_800),
            ]),
            until("__closed__:value = true", "Until the way is closed", [
                ask("it", "Close the way", "Remove the tool or account that was used. Is the way closed?", ("closed",), 28_800),
            ]),
            undo("cut_conduit", "conduit", "Open the way out again", "D3-RNA", instead=[ask("it", "Open it by hand", "Restore the rule at the firewall.")]),
        ],
        title="Data leave the company", trigger="More goes out than ever, to where none has gone",
        text="Cuts the way out alone, finds what has left, tells whom it concerns, opens only when the cause is gone.",
        techniques=[("T1041", "Exfiltration Over C2 Channel"), ("T1567", "Exfiltration Over Web Service"), ("T1048", "Exfiltration Over Alternative Protocol")],
        severity=75, impact=20, labels=["it", "data"], types=["mitigation", "notification"],
        by_hand="The clock of 72 hours runs from the moment it was known; the data protection officer must be reached.",
        variables=ASSET | {"conduit": given("The conduit outwards"), "personal": ("bool", "Personal data are among it"), "closed": ("bool", "The way is closed")},
    )  # fmt: skip


def _logging() -> Book:
    return Book(
        "logging-disabled",
        [
            ask("it", "Was it planned?", "Is there a work order for the stop of logging on __asset__:value?", ("planned",), 1800,
                instead=[ask("security", "Count it as not planned", "Nobody answered: treat it as an attack.", ("planned",))]),
            when("__planned__:value = false", "Not planned?", [
                do("disable_identity", "user", "Lock who did it", "D3-AL", instead=[ask("identity", "Lock it by hand", "Disable __user__:value.")]),
                do("roll_back_config", "asset", "Bring back the approved logging", "D3-RC", "The approved configuration logs; what stood there is kept as evidence.", instead=[
                    ask("it", "Switch logging on by hand", "Switch logging on again and forward it to a collector that the host cannot reach.", defence="D3-RC",
                        stop=[do("isolate_asset", "asset", "Isolate what is blind", "D3-NI", instead=UNPLUG), back()]),
                ]),
                ask("it", "Is it seen again?", "Do events of __asset__:value reach the collector, and is its configuration the approved one?", ("seen",), 1800),
                when("__seen__:value = true", "Seen?", [
                    ask("security", "Watch for a day", "Watch __asset__:value for a day at reduced trust: what is odd on it counts more. Was it quiet?",
                        ("quiet",), 90_000, after=86_400),
                    when("__quiet__:value = false", "Not quiet?", [
                        do("isolate_asset", "asset", "Isolate what is not quiet", "D3-NI", instead=UNPLUG), back(), ask("identity", LOCKED, STAYS),
                    ], [
                        undo("disable_identity", "user", "Unlock the account", "D3-ULA", instead=[ask("identity", "Unlock it by hand", "Enable __user__:value.")]),
                    ]),
                ], [
                    do("isolate_asset", "asset", "Isolate what stays blind", "D3-NI", instead=UNPLUG), back("Bring it back once it is clean"),
                    ask("identity", "Unlock it once it is seen", "Enable __user__:value once events of __asset__:value reach the collector again."),
                ]),
                ask("security", "Fill the gap", "Rebuild what happened in the gap from network records and from the neighbours' logs.", (), 28_800),
            ]),
        ],
        title="Logging was switched off", trigger="A host or a sensor has fallen silent by a command",
        text="Asks for the work order, rolls back to the configuration that logs, watches, and isolates only what cannot be made to see again.",
        techniques=[("T1070.001", "Clear Windows Event Logs"), ("T1489", "Service Stop"), ("T0881", "Service Stop")],
        severity=55, impact=15, labels=["it", "logging"], by_hand="Treat __asset__:value as hostile while it does not log.",
        variables=ASSET | {"user": given("The account that stopped it"), "planned": ("bool", "There is a work order"), "seen": ("bool", "Its events arrive"),
                           "quiet": RETURN["quiet"]},
    )  # fmt: skip


def _tunnel() -> Book:
    return Book(
        "dns-tunnelling",
        [
            ask("it", "Sink the domain", "Answer __domain__:value with the sinkhole at every resolver. Undo: remove the entry.", (), 900, defence="D3-DNSDL",
                instead=[do("cut_conduit", "conduit", "Cut DNS to the outside", "D3-OTF", instead=[ask("it", "Cut it by hand", "Block port 53 outwards at the firewall.")])]),
            ask("it", "Who asked", "List the hosts that asked for names under __domain__:value in the last thirty days. How many?", ("askers",)),
            when("__askers__:value = 1", "One or many?",
                 [do("isolate_asset", "asset", "Isolate the one", "D3-NI", instead=[ask("shift", "Unplug it", "Unplug __asset__:value.")]), back()],
                 [ask("security", "Begin a hunt", "Several hosts: keep the sinkhole, find what they share, contain them in one go so that none is warned.", (), 86_400)]),
            ask("it", "Only own resolvers", "Allow DNS from inside to the own resolvers alone.", (), 86_400, defence="D3-OTF"),
        ],
        title="DNS tunnelling", trigger="Names that are too long and too many",
        text="Sinks the domain before it touches a host, so that the tunnel is cut wherever it begins.",
        techniques=[("T1071.004", "DNS"), ("T1572", "Protocol Tunneling"), ("T1048", "Exfiltration Over Alternative Protocol")],
        severity=60, impact=10, labels=["it", "network"], by_hand="The sinkhole may stay; nothing that works needs __domain__:value.",
        variables=ASSET | {"domain": given("The domain"), "conduit": given("The conduit outwards"), "askers": ("integer", "Hosts that asked")},
    )  # fmt: skip


def _rogue() -> Book:
    return Book(
        "rogue-device",
        [
            ask("it", "Find the port", "Find switch and port of __asset__:value. Does somebody own the device?", ("owned",), 1800),
            when("__owned__:value = true", "Does it belong to somebody?",
                 [ask("it", "Take it into the tables", "Add it to assets.csv with an owner and a zone; move it where it belongs.", (), 86_400)],
                 [do("isolate_asset", "asset", "Isolate the device", "D3-NI", instead=[ask("it", "Shut the port", "Shut the port and write down where.")]),
                  ask("shift", "Take it away", "Go there with a second person, photograph it, bag it, keep who held it when.", (), 14_400),
                  ask("security", "Look inside", "Image its storage; look for what it sent and to whom.", (), 86_400)]),
        ],
        title="A device that nobody knows", trigger="A machine appears that is in no table",
        text="Asks whose it is before it is cut off; if nobody's, it is evidence.",
        techniques=[("T1200", "Hardware Additions"), ("T0860", "Wireless Compromise")], severity=40, impact=5, labels=["it", "ot", "network"],
        by_hand="Shut the port; do not switch the device off.", variables=ASSET | {"owned": ("bool", "Somebody owns it")},
    )  # fmt: skip

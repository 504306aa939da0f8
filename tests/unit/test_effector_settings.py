"""`effector.toml`: every mistake is one line with its place; what `init` proposes can be used."""

import ipaddress
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from interferon.effector import proposal, registry, settings
from interferon.effector.actuators.nft import Nft
from interferon.effector.actuators.nft import Settings as NftSettings
from interferon.effector.protocol import Actuator, Census, Choosy
from interferon.effector.unit import unit
from interferon.model.errors import InputError
from interferon.model.network import Client, Process
from interferon.store import examples
from interferon.store.folder import load

GOOD = """\
socket = "/run/interferon-effector/effector.sock"
state = "/var/lib/interferon-effector"
kill_switch = "/var/lib/interferon-effector/STOP"
allow = ["root", 991]
group = 0

[limits]
effects = 10

[actions.isolate_asset]
unidentified = "act"

[actuators.nft]
exempt = ["10.9.0.1"]

[[protected]]
ref = "asset:sis-1"
addresses = ["10.1.4.1"]
reason = "safety system"

[[target]]
ref = "asset:plc-1"
actuator = "nft"
actions = ["isolate_asset"]
reach = { address = "10.1.1.1" }
identity = { mac = "02:00:00:00:00:01" }

[[target]]
ref = "zone:cell-1"
actuator = "nft"
actions = ["isolate_zone"]
reach = { addresses = "10.1.1.0/28" }
assets = 6
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "effector.toml"
    path.write_text(GOOD)
    return path


def test_a_good_file_is_read_whole(file: Path) -> None:
    found = settings.load(file)
    assert found.uids == {0, 991}
    assert found.limits.effects == 10
    assert found.unidentified("isolate_asset") == "act"
    assert found.unidentified("isolate_zone") == "refuse"
    assert found.targets["zone:cell-1", "isolate_zone"].weight("isolate_zone") == 6
    assert found.targets["zone:cell-1", "isolate_zone"].weight("cut_conduit") == 0
    assert found.targets["asset:plc-1", "isolate_asset"].target.identity == {"mac": "02:00:00:00:00:01"}
    assert found.capabilities() == {"net_admin"}
    assert set(found.actuators()) == {"nft"}


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        ("[limits]", "[limits", 7, "not TOML: "),
        ("effects = 10", "efects = 10", 8, "unknown key 'efects', did you mean effects?; known are effects, effects_a_minute, isolated_"),
        ("effects = 10", "effects = -1", 8, "effects is -1: Expected `int` >= 0"),
        ("effects = 10", 'effects = "ten"', 8, "effects is 'ten': Expected `int`, got `str`"),
        ("group = 0", "grup = 0", 5, "unknown key 'grup', did you mean group?"),
        ("group = 0", 'group = "nobodies"', 5, "group is 'nobodies', which is not on this machine"),
        ('"root", 991', '"nobody-here"', 4, "allow names user 'nobody-here', who is not on this machine"),
        ('socket = "/run', 'socket = "run', 1, "socket is 'run/interferon-effector/effector.sock'; write an absolute path"),
        ('"/run/', f'"/{"x" * 100}/', 1, "socket has 135 bytes; a Unix socket's path has at most 107"),
        ('state = "/var/lib/interferon-effector"\n', "", 1, "state is missing in the file"),
        ("group = 0", 'inputs = ["gpio"]', 5, "input 'gpio' is not an absolute path"),
        ('unidentified = "act"', 'unidentified = "dare"', 11, "unidentified is 'dare': Invalid enum value 'dare'"),
        ("[actions.isolate_asset]", "[action.isolate_asset]", 1, "unknown key 'action', did you mean actions?"),
        ("[actuators.nft]", "[actuators.nftables]", 13, "[actuators.nftables] is of kind 'nftables'; there are "),
        ('exempt = ["10.9.0.1"]', 'exempt = ["10.9.0.1/8"]', 13, "exempt: 10.9.0.1/8 has host bits set"),
        ('exempt = ["10.9.0.1"]', 'netns = "a b"', 13, "netns is 'a b'; write the name that `ip netns` lists"),
        ('exempt = ["10.9.0.1"]', "exept = []", 14, "unknown key 'exept', did you mean exempt?"),
        ('actuator = "nft"\nactions = ["isolate_a', 'actuator = "mqtt"\nactions = ["isolate_a', 23, "asset:plc-1 names actuator 'mqtt'"),
        ('actions = ["isolate_asset"]', 'actions = ["fly"]', 24, "nft does not carry out 'fly'; it can cut_conduit, isolate_asset, iso"),
        ('actions = ["isolate_asset"]', "actions = []", 24, "actions is []: Expected `array` of length >= 1"),
        ('ref = "asset:plc-1"\n', "", 21, "ref is missing in [[target]]"),
        ('ref = "asset:plc-1"', 'ref = "plc-1"', 22, "ref is 'plc-1': Expected `str` matching regex"),
        ('ref = "asset:plc-1"', 'ref = "asset:sis-1"', 22, "asset:sis-1 is or reaches asset:sis-1, which is never a target (safety"),
        ('address = "10.1.1.1"', 'address = "10.1.4.1"', 22, "asset:plc-1 is or reaches asset:sis-1, which is never a target"),
        ('"10.1.1.0/28"', '"10.1.0.0/16"', 29, "zone:cell-1 is or reaches asset:sis-1, which is never a target"),
        ('address = "10.1.1.1"', 'adress = "10.1.1.1"', 25, 'asset:plc-1: reach has no address; write it as address = "10.1.1.5"'),
        ('address = "10.1.1.1"', 'address = "10.1.1.0/24"', 25, "asset:plc-1: address is '10.1.1.0/24'; an asset has single addresses"),
        ('mac = "02:00:00:00:00:01"', 'mac = "02-00"', 25, "asset:plc-1: mac is '02-00'; write it as 02:00:00:00:00:05"),
        ('mac = "02:00:00:00:00:01"', 'serial = "7"', 25, "asset:plc-1: identity has 'serial'; known is mac"),
        ('addresses = ["10.1.4.1"]', 'addresses = ["ten"]', 18, "asset:sis-1: 'ten' does not appear to be an IPv4 or IPv6 network"),
        ("[[protected]]", "[protected]", 16, "protected is written [[protected]], once for each"),
    ],
)  # fmt: skip
def test_every_mistake_is_one_line_with_its_place(file: Path, old: str, new: str, line: int, why: str) -> None:
    assert old in GOOD
    file.write_text(GOOD.replace(old, new, 1))
    found, problems = settings.read(file)
    assert found is None
    assert [each for each in problems if each.message.startswith(why) and each.line == line], problems
    with pytest.raises(InputError, match=r"effector\.toml:\d+: ") as told:
        settings.load(file)
    assert "\n" not in str(told.value)


def test_all_mistakes_are_told_and_the_first_ends_a_start(file: Path) -> None:
    file.write_text(GOOD.replace("effects = 10", "efects = 10").replace("group = 0", "grup = 0"))
    assert [each.line for each in settings.read(file)[1]] == [5, 8]
    with pytest.raises(InputError, match=r":5: unknown key 'grup'.*\(and 1 more: `interferon effector check"):
        settings.load(file)


def test_rows_that_cannot_be_told_apart_are_mistakes(file: Path) -> None:
    row = '\n[[target]]\nref = "asset:plc-{}"\nactuator = "nft"\nactions = ["isolate_asset"]\nreach = {{ address = "10.1.1.1" }}\n'
    file.write_text(GOOD + row.format(1) + row.format(2))
    assert [str(each).partition("toml:")[2] for each in settings.read(file)[1]] == [
        "38: isolate_asset on asset:plc-1 is given twice; one row carries it out",
        "45: asset:plc-2 and asset:plc-1 have the same reach: isolate_asset could not tell them apart",
    ]


def test_tables_in_the_wrong_form_are_told(file: Path) -> None:
    file.write_text('socket = "/s"\nstate = "/v"\nkill_switch = "/k"\nallow = []\nlimits = 3\nactions = 3\nactuators.nft = 3\n')
    assert {each.message for each in settings.read(file)[1]} == {
        "limits is 3; it is a table [limits]",
        "[actuators.nft] is a table",
        "actions holds tables [actions.NAME]",
    }


def test_a_file_that_is_not_there_or_not_text_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory; `interferon effector init DIR` proposes one"):
        settings.load(tmp_path / "none.toml")
    (tmp_path / "bin.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8 text"):
        settings.load(tmp_path / "bin.toml")


@pytest.mark.parametrize("name", ["minimal", "medica"])
def test_what_is_proposed_is_a_good_file(tmp_path: Path, name: str) -> None:
    examples.write(name, tmp_path / "net")
    network = load(tmp_path / "net")
    text = proposal.proposal(network)
    file = tmp_path / "effector.toml"
    file.write_text(text.replace('allow = ["interferon"]', "allow = []").replace('group = "interferon"', "group = 0"))
    found = settings.load(file)
    safety = [asset for asset in network.assets.values() if asset.type == "sis"]
    reachable = [a for a in network.assets.values() if a.type != "sis" and _is_address(a.address)]
    assert {ref for ref, action in found.targets if action == "isolate_asset"} == {f"asset:{asset.id}" for asset in reachable}
    for asset in safety:
        assert f"asset:{asset.id}" in found.protected
        assert f"zone:{asset.zone}" in found.protected
        assert asset.address in tomllib.loads(text)["actuators"]["nft"]["exempt"]
    kept = {f"conduit:{each.id}" for each in network.conduits.values() if each.from_zone in {asset.zone for asset in safety}}
    assert kept <= found.protected.keys()


def test_what_is_proposed_for_clients_and_processes_is_good_once_it_is_filled_in(tmp_path: Path) -> None:
    network = replace(
        examples.build("minimal"),
        clients={"agv-1": Client(id="agv-1", client_id='agv"1', broker="srv-1", asset="wks-1")},
        processes={"hist": Process(id="hist", asset="srv-1", executable="/opt/hist", sha256="AB" * 32)},
    )
    text = proposal.proposal(network)
    begin = text.index("# needs [actuators.mosquitto_dynsec] of the broker on asset:srv-1")
    filled = "\n".join(line.removeprefix("# ") for line in text[begin:].splitlines() if "needs [" not in line)
    broker = '[actuators.mosquitto_dynsec]\nhost = "b"\nusername = "u"\npassword_file = "/p"\n[actuators.cgroup]\n'
    file = tmp_path / "effector.toml"
    file.write_text(text[:begin].replace('["interferon"]', "[]").replace('group = "interferon"', "group = 0") + broker + filled)
    found = settings.load(file).targets
    assert found["identity:agv-1", "disable_client"].identity == {"clientid": 'agv"1'}
    assert found["identity:agv-1", "disable_client"].reach == {"username": "agv-1"}
    assert found["process:hist", "freeze_process"].identity == {"exe": "/opt/hist", "exe_sha256": "ab" * 32}
    assert ("process:hist", "kill_process") in found


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def test_the_registry_knows_the_packet_filter() -> None:
    assert "nft" in registry.kinds()
    nft = registry.made("nft", NftSettings())
    actuator: Actuator = Nft(NftSettings())
    assert isinstance(nft, Census)
    assert isinstance(nft, Choosy)
    assert actuator.name == "nft"
    assert registry.capabilities("nft", NftSettings(netns="gw")) == {"net_admin", "sys_admin"}


def test_the_unit_has_the_capabilities_of_the_actuators_and_no_others() -> None:
    text = unit(Path("/usr/bin/interferon"), Path("/etc/interferon/effector.toml"), "effector", {"net_admin"}, {"nft"})
    assert "\nExecStart=/usr/bin/interferon effector run --config /etc/interferon/effector.toml\n" in text
    assert "\nAmbientCapabilities=CAP_NET_ADMIN\nCapabilityBoundingSet=CAP_NET_ADMIN\n" in text
    assert "\nRestrictNamespaces=yes\n" in text
    assert "\nRestrictNamespaces=no\n" in unit(Path("/i"), Path("/c"), "e", {"net_admin", "sys_admin"}, {"nft"})
    assert "\nProtectControlGroups=no\n" in unit(Path("/i"), Path("/c"), "e", set(), {"cgroup"})

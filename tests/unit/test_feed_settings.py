"""`feeds.toml`: what is right is read, and every mistake is one line with its file, line, feed and key."""

from pathlib import Path

import pytest

from interferon.connectors.modbus_live import Settings as Modbus
from interferon.connectors.mqtt_live import Settings as Mqtt
from interferon.model.errors import InputError
from interferon.runtime import feed_settings
from interferon.store import feed_access

GOOD = """\
[[feed]]
name = "plant"
kind = "mqtt"
url = "mqtts://broker.plant:8883"
topics = ["spBv1.0/#"]
username = "listener"
password_file = "secret.txt"
ca_file = "/etc/ca.pem"
entities = { "g/n" = "asset:edge-1" }
trust = 0.9

[[feed.map]]
topic = "plant/{entity}/{signal}"

[[feed]]
name = "line"
kind = "modbus"
url = "modbus://10.0.0.5"

[[feed.device]]
entity = "asset:plc-1"
registers = [{ name = "level", address = 0, type = "float32" }]

[[feed]]
name = "tanks"
kind = "opcua"
url = "opc.tcp://10.0.0.6:4840"
nodes = [{ node = "ns=2;s=Level", entity = "asset:tank-1", signal = "level" }]

[[feed]]
name = "bus"
kind = "nats"
url = "nats://10.0.0.7"
stream = "events"

[[feed]]
name = "erp"
kind = "kafka"
url = "10.0.0.8:9092,10.0.0.9:9092"
topic = "orders"
"""


def told(folder: Path, text: str) -> list[str]:
    (folder / "feeds.toml").write_text(text, encoding="utf-8")
    return [str(problem) for problem in feed_settings.problems(folder)]


def test_every_kind_is_read(tmp_path: Path) -> None:
    assert told(tmp_path, GOOD) == []
    feeds = feed_settings.load(tmp_path)
    assert [(feed.name, feed.connector.NAME) for feed in feeds] == [
        ("plant", "mqtt"),
        ("line", "modbus"),
        ("tanks", "opcua"),
        ("bus", "nats"),
        ("erp", "kafka"),
    ]
    plant, line = feeds[0].settings, feeds[1].settings
    assert isinstance(plant, Mqtt)
    assert (plant.password_file, plant.ca_file, plant.trust) == (str(tmp_path / "secret.txt"), "/etc/ca.pem", 0.9)
    assert plant.map[0].entity == "asset:{entity}"
    assert isinstance(line, Modbus)
    assert line.device[0].registers[0].size == 2


def test_a_folder_without_the_file_has_no_live_feeds(tmp_path: Path) -> None:
    assert feed_settings.load(tmp_path) == []


HEAD = '[[feed]]\nname = "a"\nkind = "mqtt"\nurl = "mqtt://h"\ntopics = ["x"]\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[[feed]\n", "feeds.toml:1: not TOML: "),
        ('name = "x"\n', "feeds.toml:1: unknown key 'name'; it holds [[feed]] tables alone"),
        ("feed = 5\n", "feeds.toml:1: feed is no list of tables; begin each feed with [[feed]]"),
        ('[[feed]]\nkind = "mqtt"\n', "feeds.toml:1: feed 1: name is None; give each feed one"),
        ('[[feed]]\nname = "a/b"\nkind = "mqtt"\n', "feeds.toml:2: feed 'a/b': name is 'a/b'; give each feed one"),
        (HEAD + HEAD, "feeds.toml:7: feed 'a': name 'a' is taken by a feed above; each has its own"),
        ('[[feed]]\nname = "a"\nkind = "mqttt"\n', "feeds.toml:3: feed 'a': kind is 'mqttt'"),
        ('[[feed]]\nname = "a"\nkind = "mqtt"\nurl = "mqtt://h"\n', "feeds.toml:1: feed 'a': topics is missing"),
        (HEAD + "qos = 3\n", "feeds.toml:6: feed 'a': qos is 3; it would be 0, 1 or 2"),
        (HEAD + 'qos = "1"\n', "feeds.toml:6: feed 'a': qos: Expected `int`, got `str`"),
        (HEAD + "topic = 1\n", "feeds.toml:6: feed 'a': unknown key 'topic'"),
        (HEAD + "trust = 2\n", "feeds.toml:6: feed 'a': trust is 2; it would be a number from 0 to 1"),
        (HEAD + 'password = "x"\n', "feeds.toml:6: feed 'a': password stands in the file; write password_env"),
        (HEAD + 'password_env = "X"\npassword_file = "x"\n', "feeds.toml:7: feed 'a': password_file and password_env are both given"),
        (HEAD + 'key_file = "x"\n', "feeds.toml:6: feed 'a': key_file is given without cert_file"),
        (
            HEAD.replace("mqtt://h", "http://h"),
            "feeds.toml:1: feed 'a': 'http://h' is no address; write mqtt://HOST:1883 or mqtts://HOST:8883",
        ),
        (HEAD.replace("mqtt://h", "mqtt://u:p@h"), "feeds.toml:1: feed 'a': holds a user or password; write them as username"),
        (HEAD + '[[feed.map]]\ntopic = "p/{entity}"\n', "feeds.toml:6: feed 'a': map[0]: signal '{signal}' names {signal}, which topic"),
        (
            '[[feed]]\nname = "m"\nkind = "modbus"\nurl = "modbus://h"\n[[feed.device]]\nentity = "asset:p"\n'
            'registers = [{ name = "x", address = 70000 }]\n',
            "feeds.toml:5: feed 'm': device[0].registers[0]: address is 70000; it would be 0 to 65535",
        ),
        (
            '[[feed]]\nname = "o"\nkind = "opcua"\nurl = "opc.tcp://h"\nsecurity = "Basic256Sha256"\n'
            'nodes = [{ node = "i=1", entity = "asset:a", signal = "x" }]\n',
            "feeds.toml:5: feed 'o': security Basic256Sha256 needs cert_file, key_file and server_cert_file",
        ),
    ],
)
def test_every_mistake_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    found = told(tmp_path, text)
    assert any(each.startswith(line) for each in found), found
    assert all("\n" not in each for each in found)


def test_all_mistakes_are_told_and_load_names_the_first(tmp_path: Path) -> None:
    assert len(told(tmp_path, HEAD + "qos = 3\n" + '[[feed]]\nname = "b"\nkind = "x"\n')) == 2
    with pytest.raises(InputError, match=r"feeds\.toml:6: feed 'a': qos is 3.* \(and 1 more; `interferon check"):
        feed_settings.load(tmp_path)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "feeds.toml").write_bytes(b"\xff\xfe")
    assert [str(each) for each in feed_settings.problems(tmp_path)] == ["feeds.toml:1: byte 0 is not UTF-8; save the file as UTF-8"]


def test_a_password_is_read_when_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\nmore\n")
    access = feed_access.Access(name="a", kind="mqtt", url="", password_file=str(secret))
    assert feed_access.password(access) == "s3cret"
    named = feed_access.Access(name="a", kind="mqtt", url="", password_env="FEED_SECRET")
    monkeypatch.setenv("FEED_SECRET", "other")
    assert feed_access.password(named) == "other"
    monkeypatch.delenv("FEED_SECRET")
    with pytest.raises(InputError, match="the environment has no variable 'FEED_SECRET'"):
        feed_access.password(named)
    secret.unlink()
    with pytest.raises(InputError, match=r"password_file: .*No such file"):
        feed_access.password(access)


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")
    with pytest.raises(InputError, match=r"ca_file: .*ca\.pem"):
        feed_access.tls(feed_access.Access(name="a", kind="mqtt", url="", ca_file=str(broken)))
    with pytest.raises(InputError, match=r"cert_file: .*ca\.pem with key_file"):
        feed_access.tls(feed_access.Access(name="a", kind="mqtt", url="", cert_file=str(broken)))

"""Each actuator tells from the effector's file alone what is wrong with a target, and which capabilities of Linux it needs."""

from typing import Any

import pytest

from interferon.effector.actuators import cgroup, erp_files, erp_orders, git_config, haproxy, keepalived, mosquitto_dynsec, oidc, opcua
from interferon.effector.protocol import Target

MADE: dict[str, Any] = {
    "mosquitto_dynsec": mosquitto_dynsec.make(mosquitto_dynsec.Settings(host="h", username="u", password_file="p")),
    "opcua": opcua.make(opcua.Settings(security="None")),
    "haproxy": haproxy.make(haproxy.Settings(socket="s")),
    "keepalived": keepalived.make(keepalived.Settings()),
    "git_config": git_config.make(git_config.Settings()),
    "cgroup": cgroup.make(cgroup.Settings()),
    "oidc": oidc.make(oidc.Settings(issuer="https://i", client_id="c", client_secret_file="s")),
    "erp_orders": erp_orders.make(erp_orders.Settings(url="https://e", token_file="t")),
    "erp_files": erp_files.make(erp_files.Settings(out_dir="o", in_dir="i", export="e", key_file="k")),
}


def wrong(name: str, ref: str = "asset:a", reach: dict[str, str] | None = None, **identity: str) -> str:
    action = sorted(MADE[name].actions)[0]
    return str(MADE[name].wrong(Target(ref=ref, reach=reach or {}, identity=identity), action))


@pytest.mark.parametrize(
    ("name", "reach", "identity"),
    [
        ("mosquitto_dynsec", {"username": "u"}, {"clientid": "c"}),
        ("opcua", {"url": "opc.tcp://h", "nodes": "i=1"}, {"application_uri": "urn:x"}),
        ("haproxy", {"backend": "b", "server": "s", "standby": "t"}, {"node": "n"}),
        ("haproxy", {"backend": "b", "server": "s", "standby_address": "10.0.0.1:80"}, {}),
        ("keepalived", {"track_file": "/t", "address": "10.0.0.1"}, {"router_id": "r"}),
        ("git_config", {"path": "/p", "git_dir": "/g", "approved": "v1"}, {"first_commit": "0"}),
        ("cgroup", {}, {"exe_sha256": "0"}),
        ("oidc", {"user_id": "u"}, {"username": "j"}),
    ],
)
def test_a_target_that_fits_passes(name: str, reach: dict[str, str], identity: dict[str, str]) -> None:
    assert wrong(name, reach=reach, **identity) == ""
    if name != "cgroup":
        assert "a text is needed there" in wrong(name)
    assert f"identity has 'colour'; known are {'exe' if name == 'cgroup' else ''}" in wrong(name, reach=reach, colour="red")


def test_a_certificate_is_compared_on_a_secure_channel_only() -> None:
    reach = {"url": "opc.tcp://h", "nodes": "i=1"}
    assert wrong("opcua", reach=reach, certificate_sha256="0") == "identity has 'certificate_sha256'; known are application_uri"
    secure: Any = opcua.make(opcua.Settings(cert_file="c", key_file="k"))
    assert secure.wrong(Target(ref="asset:a", reach=reach, identity={"certificate_sha256": "0"}), "lock_writes") == ""


def test_a_token_is_no_account() -> None:
    token = Target(ref="identity:a", reach={"token_file": "/t"}, identity={"sub": "a"})
    assert MADE["oidc"].wrong(token, "revoke_sessions") == ""
    assert MADE["oidc"].wrong(token, "disable_identity") == "disable_identity needs user_id, and no token_file"


def test_the_erp_holds_transactions_alone() -> None:
    assert [wrong("erp_orders", "order:o-1", partner="acme"), wrong("erp_files", "payment:p-1")] == ["", ""]
    assert wrong("erp_orders", "lane:l-1") == "the ERP holds order, payment, shipment"
    assert wrong("erp_files", "lane:l-1") == "by csv can be held order, payment, shipment"


def test_only_what_touches_the_machine_needs_capabilities() -> None:
    assert cgroup.capabilities(cgroup.Settings()) == {"sys_ptrace", "dac_override", "kill"}
    assert git_config.capabilities(git_config.Settings()) == {"dac_override", "chown", "fowner"}

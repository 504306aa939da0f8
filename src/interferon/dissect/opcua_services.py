"""The bodies of OPC UA's services as tables of their members, and what each is about. Called by `opcua`. Pure.

Source: IEC 62541-4 (OPC 10000-4), clauses 5 (services) and 7 (their types), encoded after IEC 62541-6. Nonces, certificates, signatures,
passwords and session tokens are passed over.
"""

from functools import lru_cache
from typing import Any, Final

from interferon.dissect.opcua_names import ATTRIBUTES, is_bad
from interferon.dissect.opcua_types import (
    Reader,
    boolean,
    byte,
    date_time,
    double,
    enumerated,
    extension,
    extension_of,
    listed,
    localized_text,
    node_id,
    octets,
    passed,
    qualified_name,
    status_code,
    string,
    structure,
    unsigned,
)
from interferon.dissect.opcua_values import data_value, diagnostics, variant

SHORT: Final = 512  # octets of a request that is cached
ABOUT: Final = 4  # nodes that an object's name lists

attribute = enumerated(*ATTRIBUTES)
node_class = unsigned
mode = enumerated("disabled", "sampling", "reporting")
security_mode = enumerated("invalid", "none", "sign", "sign_and_encrypt")
timestamps = enumerated("source", "server", "both", "neither")

APPLICATION: Final = structure(
    ("uri", string), ("product_uri", string), ("name", localized_text),
    ("kind", enumerated("server", "client", "client_and_server", "discovery")),
    ("gateway", string), ("profile", string), ("urls", listed(string)),
)  # fmt: skip
TOKEN_POLICY: Final = structure(
    ("policy", string), ("token", enumerated("anonymous", "user_name", "certificate", "issued")), ("issued_type", string),
    ("issuer", string),    ("security_policy", string),
)  # fmt: skip
ENDPOINT: Final = structure(
    ("url", string), ("server", APPLICATION), ("", passed), ("security_mode", security_mode), ("security_policy", string),
    ("tokens", listed(TOKEN_POLICY)), ("transport", string), ("level", byte),
)  # fmt: skip
SIGNATURE: Final = structure(("algorithm", string), ("", passed))
IDENTITY: Final = extension_of(
    {
        "i=321": structure(("policy", string)),
        "i=324": structure(("policy", string), ("user", string), ("", passed), ("algorithm", string)),
        "i=327": structure(("policy", string), ("", passed)),
        "i=940": structure(("policy", string), ("", passed), ("algorithm", string)),
    }
)
TOKENS: Final = {"i=321": "anonymous", "i=324": "user_name", "i=327": "certificate", "i=940": "issued"}

READ_ID: Final = structure(("node", node_id), ("attribute", attribute), ("range", string), ("encoding", qualified_name))
PARAMETERS: Final = structure(
    ("client_handle", unsigned), ("interval_ms", double), ("filter", extension), ("queue", unsigned), ("discard_oldest", boolean)
)
ITEM_RESULT: Final = structure(
    ("status", status_code), ("item", unsigned), ("interval_ms", double), ("queue", unsigned), ("filter", extension)
)
PATH_ELEMENT: Final = structure(("reference", node_id), ("inverse", boolean), ("", boolean), ("name", qualified_name))
REFERENCE: Final = structure(
    ("reference", node_id), ("forward", boolean), ("node", node_id), ("name", qualified_name), ("display_name", localized_text),
    ("node_class", node_class), ("type", node_id),
)  # fmt: skip
BROWSE_RESULT: Final = structure(("status", status_code), ("continuation", octets), ("references", listed(REFERENCE)))
TIMED: Final = (("interval_ms", double), ("lifetime", unsigned), ("keep_alive", unsigned))
UPDATE: Final = structure(("node", node_id))
HISTORY: Final = extension_of({f"i={number}": UPDATE for number in (682, 685, 688, 691, 694, 12929)})
NOTIFICATION: Final = extension_of(
    {
        "i=811": structure(("items", listed(structure(("client_handle", unsigned), ("data", data_value))))),
        "i=916": structure(("events", listed(structure(("client_handle", unsigned), ("fields", listed(variant)))))),
        "i=820": structure(("status", status_code)),
    }
)
STATUS_LIST: Final = (("results", listed(status_code)),)
SUBSCRIPTIONS: Final = (("subscriptions", listed(unsigned)),)

REQUESTS: Final[dict[str, Reader]] = {
    name: structure(*members)
    for name, members in {
        "find_servers": (("url", string), ("", listed(string)), ("servers", listed(string))),
        "find_servers_on_network": (("start", unsigned), ("limit", unsigned), ("capabilities", listed(string))),
        "get_endpoints": (("url", string), ("", listed(string)), ("profiles", listed(string))),
        "open_secure_channel": (
            ("client_version", unsigned), ("request_type", enumerated("issue", "renew")), ("security_mode", security_mode), ("", passed),
            ("lifetime_ms", unsigned),
        ),
        "close_secure_channel": (),
        "create_session": (
            ("client", APPLICATION), ("server_uri", string), ("url", string), ("session_name", string), ("", passed), ("", passed),
            ("session_timeout_ms", double), ("max_response", unsigned),
        ),
        "activate_session": (
            ("", SIGNATURE), ("", listed(structure(("", passed), ("", passed)))), ("locales", listed(string)), ("identity", IDENTITY),
            ("", SIGNATURE),
        ),
        "close_session": (("delete_subscriptions", boolean),),
        "cancel": (("cancelled_handle", unsigned),),
        "add_nodes": (
            ("nodes", listed(structure(
                ("parent", node_id), ("reference", node_id), ("node", node_id), ("name", qualified_name), ("node_class", node_class),
                ("attributes", extension), ("type", node_id),
            ))),
        ),
        "add_references": (
            ("nodes", listed(structure(
                ("node", node_id), ("reference", node_id), ("forward", boolean), ("server_uri", string), ("target", node_id),
                ("target_class", node_class),
            ))),
        ),
        "delete_nodes": (("nodes", listed(structure(("node", node_id), ("delete_references", boolean)))),),
        "delete_references": (
            ("nodes", listed(structure(
                ("node", node_id), ("reference", node_id), ("forward", boolean), ("target", node_id), ("both_ways", boolean)
            ))),
        ),
        "browse": (
            ("", structure(("", node_id), ("", date_time), ("", unsigned))), ("limit", unsigned),
            ("nodes", listed(structure(
                ("node", node_id), ("direction", enumerated("forward", "inverse", "both")), ("reference", node_id), ("subtypes", boolean),
                ("class_mask", unsigned), ("result_mask", unsigned),
            ))),
        ),
        "browse_next": (("release", boolean), ("continuations", listed(octets))),
        "translate_browse_paths_to_node_ids": (
            ("nodes", listed(structure(("node", node_id), ("path", listed(PATH_ELEMENT))))),
        ),
        "register_nodes": (("nodes", listed(node_id)),),
        "unregister_nodes": (("nodes", listed(node_id)),),
        "read": (("max_age_ms", double), ("timestamps", timestamps), ("nodes", listed(READ_ID))),
        "history_read": (
            ("details", extension), ("timestamps", timestamps), ("release", boolean),
            ("nodes", listed(structure(("node", node_id), ("range", string), ("encoding", qualified_name), ("continuation", octets)))),
        ),
        "write": (("nodes", listed(structure(("node", node_id), ("attribute", attribute), ("range", string), ("data", data_value)))),),
        "history_update": (("nodes", listed(HISTORY)),),
        "call": (("methods", listed(structure(("node", node_id), ("method", node_id), ("arguments", listed(variant))))),),
        "create_monitored_items": (
            ("subscription", unsigned), ("timestamps", timestamps),
            ("items", listed(structure(("monitor", READ_ID), ("mode", mode), ("parameters", PARAMETERS)))),
        ),
        "modify_monitored_items": (
            ("subscription", unsigned), ("timestamps", timestamps),
            ("items", listed(structure(("item", unsigned), ("parameters", PARAMETERS)))),
        ),
        "set_monitoring_mode": (("subscription", unsigned), ("mode", mode), ("items", listed(unsigned))),
        "set_triggering": (
            ("subscription", unsigned), ("triggering", unsigned), ("add", listed(unsigned)), ("remove", listed(unsigned)),
        ),
        "delete_monitored_items": (("subscription", unsigned), ("items", listed(unsigned))),
        "create_subscription": (*TIMED, ("max_notifications", unsigned), ("enabled", boolean), ("priority", byte)),
        "modify_subscription": (("subscription", unsigned), *TIMED, ("max_notifications", unsigned), ("priority", byte)),
        "set_publishing_mode": (("enabled", boolean), *SUBSCRIPTIONS),
        "publish": (("acknowledged", listed(structure(("subscription", unsigned), ("sequence", unsigned)))),),
        "republish": (("subscription", unsigned), ("notification", unsigned)),
        "transfer_subscriptions": (*SUBSCRIPTIONS, ("send_initial", boolean)),
        "delete_subscriptions": SUBSCRIPTIONS,
    }.items()
}  # fmt: skip

RESPONSES: Final[dict[str, Reader]] = {
    name: structure(*members)
    for name, members in {
        "find_servers": (("servers", listed(APPLICATION)),),
        "get_endpoints": (("endpoints", listed(ENDPOINT)),),
        "open_secure_channel": (
            ("server_version", unsigned), ("channel", unsigned), ("token", unsigned), ("created", date_time), ("lifetime_ms", unsigned),
        ),
        "create_session": (
            ("session", node_id), ("", node_id), ("session_timeout_ms", double), ("", passed), ("", passed),
            ("endpoints", listed(ENDPOINT)),
        ),
        "activate_session": (("", passed), *STATUS_LIST),
        "cancel": (("cancelled", unsigned),),
        "add_nodes": (("results", listed(structure(("status", status_code), ("node", node_id)))),),
        "add_references": STATUS_LIST,
        "delete_nodes": STATUS_LIST,
        "delete_references": STATUS_LIST,
        "browse": (("results", listed(BROWSE_RESULT)),),
        "browse_next": (("results", listed(BROWSE_RESULT)),),
        "translate_browse_paths_to_node_ids": (
            ("results", listed(structure(("status", status_code), ("targets", listed(structure(("node", node_id), ("", unsigned))))))),
        ),
        "register_nodes": (("nodes", listed(node_id)),),
        "read": (("results", listed(data_value)),),
        "history_read": (("results", listed(structure(("status", status_code), ("continuation", octets), ("data", extension)))),),
        "write": STATUS_LIST,
        "history_update": (
            ("results", listed(structure(("status", status_code), ("operations", listed(status_code)), ("", listed(diagnostics))))),
        ),
        "call": (
            ("results", listed(structure(
                ("status", status_code), ("arguments_status", listed(status_code)), ("", listed(diagnostics)), ("outputs", listed(variant)),
            ))),
        ),
        "create_monitored_items": (("results", listed(ITEM_RESULT)),),
        "modify_monitored_items": (
            ("results", listed(structure(("status", status_code), ("interval_ms", double), ("queue", unsigned), ("filter", extension)))),
        ),
        "set_monitoring_mode": STATUS_LIST,
        "delete_monitored_items": STATUS_LIST,
        "create_subscription": (("subscription", unsigned), *TIMED),
        "modify_subscription": TIMED,
        "set_publishing_mode": STATUS_LIST,
        "publish": (
            ("subscription", unsigned), ("available", listed(unsigned)), ("more", boolean), ("notification", unsigned),
            ("published", date_time), ("notifications", listed(NOTIFICATION)), *STATUS_LIST,
        ),
        "republish": (("notification", unsigned), ("published", date_time), ("notifications", listed(NOTIFICATION))),
        "transfer_subscriptions": (
            ("results", listed(structure(("status", status_code), ("available", listed(unsigned))))),
        ),
        "delete_subscriptions": STATUS_LIST,
    }.items()
}  # fmt: skip

ANY_BAD: Final = frozenset(  # services of which one bad result is a failure
    ("write", "call", "add_nodes", "add_references", "delete_nodes", "delete_references", "history_update", "create_monitored_items")
)
VERDICTS: Final = ANY_BAD | {  # and those of which all results must be bad
    "read", "browse", "browse_next", "history_read", "translate_browse_paths_to_node_ids", "modify_monitored_items",
    "delete_monitored_items", "set_monitoring_mode", "set_publishing_mode", "transfer_subscriptions", "delete_subscriptions",
}  # fmt: skip


def request(service: str, body: bytes) -> tuple[dict[str, Any], list[str], str]:
    """The body of a request: what it tells, the nodes it names, what it is about. Short ones are cached: they are not to be changed."""
    return _short(service, body) if len(body) <= SHORT else _read(service, body)


def _read(service: str, body: bytes) -> tuple[dict[str, Any], list[str], str]:
    told = REQUESTS[service](body, 0)[0] if service in REQUESTS else {}
    named = nodes(told)
    return told, named, about(told, named)


_short: Final = lru_cache(1024)(_read)  # controllers are polled: the same request comes again and again


def nodes(told: dict[str, Any]) -> list[str]:
    """The node ids that a request names, in its order."""
    found: list[str] = []
    for each in told.get("nodes") or told.get("methods") or told.get("items") or ():
        if isinstance(each, dict):
            node = (each.get("monitor") or each).get("node")
            if node:
                found.append(f"{node}/{each['method']}" if "method" in each else node)
        elif isinstance(each, str):
            found.append(each)
    return found


def about(told: dict[str, Any], named: list[str]) -> str:
    """What a request is about: its nodes, an endpoint, or a subscription."""
    if named:
        return ",".join(named[:ABOUT]) + (",…" if len(named) > ABOUT else "")
    if "url" in told:
        return str(told["url"])
    numbers = told.get("subscriptions") or ([told["subscription"]] if "subscription" in told else [])
    return f"subscription:{','.join(map(str, numbers[:ABOUT]))}" if numbers else ""


def refused(service: str, told: dict[str, Any]) -> bool:
    """Whether the results of a response tell that what was asked was not done."""
    bad = [is_bad(each if isinstance(each, str) else each.get("status", "good")) for each in told.get("results", ())]
    return any(bad) if service in ANY_BAD else bool(bad) and all(bad)

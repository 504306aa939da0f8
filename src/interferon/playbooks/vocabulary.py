"""The words that CACAO v2.0 defines: enumerations (closed) and vocabularies (open: another word is a warning). Read by the checks. Pure."""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STEPS: Final = (
    "start", "end", "action", "playbook-action", "parallel", "if-condition", "while-condition", "switch-condition",
)  # fmt: skip
BRANCHING: Final = frozenset({"parallel", "if-condition", "while-condition", "switch-condition"})
COMMANDS: Final = _words("manual bash caldera-cmd elastic http-api jupyter kestrel openc2-http powershell sigma ssh yara")  # clause 5.2
PLAIN: Final = frozenset({"manual", "bash", "caldera-cmd", "powershell", "ssh"})  # `command` or `command_b64`
ENCODED: Final = frozenset({"elastic", "jupyter", "kestrel", "sigma", "yara"})  # `command_b64` alone
HTTP: Final = frozenset({"http-api", "openc2-http"})
PLAYBOOKS: Final = _words("attack detection engagement investigation mitigation notification prevention remediation")
ACTIVITIES: Final = _words(
    "compose-content deliver-content identify-audience identify-channel scan-system match-indicator analyze-collected-data "
    "identify-indicators scan-vulnerabilities configure-systems restrict-access disconnect-system eliminate-risk revert-system "
    "restore-data restore-capabilities map-network identify-steps step-sequence prepare-engagement execute-operation "
    "analyze-engagement-results"
)
AGENTS: Final = _words("group individual location organization sector http-api linux net-address security-category ssh")  # clause 7.2
ADDRESSED: Final = frozenset({"http-api", "linux", "net-address", "ssh"})
CATEGORIES: Final = _words(
    "aaa analytics caldera content-gateway desktop endpoint firewall handset ids ips kali manx orchestrator os-linux os-mac os-windows "
    "redcanary-atomicred ragdoll router sandcat server siem switch ticketing tip wireless"
)
SECTORS: Final = _words(
    "aerospace aviation agriculture automotive biotechnology chemical commercial consulting construction cosmetics critical-infrastructure "
    "dams defense education emergency-services energy non-renewable-energy renewable-energy media financial food gambling government "
    "local-government national-government regional-government public-services healthcare information-communications-technology "
    "electronics-hardware software telecommunications legal-services lodging manufacturing maritime metals mining non-profit "
    "humanitarian-aid human-rights nuclear petroleum pharmaceuticals research transportation logistics-shipping utilities video-game "
    "water"
)
AUTHENTICATION: Final = frozenset({"http-basic", "oauth2", "user-auth"})
MARKINGS: Final = ("marking-statement", "marking-tlp", "marking-iep")
TLP: Final = ("TLP:RED", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:GREEN", "TLP:CLEAR")
ADDRESSES: Final = ("dname", "ipv4", "ipv6", "l2mac", "vlan", "url")
REGIONS: Final = _words(
    "africa eastern-africa middle-africa northern-africa southern-africa western-africa americas caribbean central-america "
    "latin-america-caribbean northern-america south-america asia central-asia eastern-asia southern-asia south-eastern-asia "
    "western-asia europe eastern-europe northern-europe southern-europe western-europe oceania antarctica australia-new-zealand "
    "melanesia micronesia polynesia"
)
VARIABLES: Final = _words(
    "bool dictionary float hexstring integer ipv4-addr ipv6-addr long mac-addr hash md5-hash sha256-hash string uri uuid"
)
SUMMARY: Final = (
    "manual_playbook", "external_playbooks", "parallel_processing", "if_logic", "while_logic", "switch_logic", "temporal_logic",
    "data_markings", "digital_signatures", "countersigned_signatures", "extensions",
)  # fmt: skip
ALGORITHMS: Final = _words(
    "RS256 RS384 RS512 ES256 ES384 ES512 PS256 PS384 PS512 Ed25519 Ed448 XMSS-SHA2_10_256 XMSS-SHA2_16_256 XMSS-SHA2_20_256 "
    "LMS_SHA256_M32_H5 LMS_SHA256_M32_H10 LMS_SHA256_M32_H15 LMS_SHA256_M32_H20 LMS_SHA256_M32_H25"
)

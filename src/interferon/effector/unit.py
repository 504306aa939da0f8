"""The systemd unit of the effector, and the message that it prints. Called by `interferon effector unit`. Pure."""

from collections.abc import Collection
from pathlib import Path

_UNIT = """\
[Unit]
Description=Interferon effector: carries containments out within the limits of {config}
Documentation=man:nft(8)
After=network-online.target nftables.service
Wants=network-online.target

[Service]
Type=exec
ExecStart={program} effector run --config {config}
User={user}
Group={user}
Restart=always
RestartSec=200ms
TimeoutStopSec=30s
RuntimeDirectory={user}
RuntimeDirectoryMode=0755
StateDirectory={user}
StateDirectoryMode=0700
UMask=0077
AmbientCapabilities={capabilities}
CapabilityBoundingSet={capabilities}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups={control_groups}
PrivateTmp=yes
PrivateDevices=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces={namespaces}
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute={write_execute}
SystemCallArchitectures=native
KeyringMode=private

[Install]
WantedBy=multi-user.target
"""


def unit(program: Path, config: Path, user: str, capabilities: Collection[str], kinds: Collection[str]) -> str:
    """`capabilities`: names as in `privileges`; `kinds`: those of the enabled actuators."""
    named = " ".join(f"CAP_{name.upper()}" for name in sorted(capabilities))
    return _UNIT.format(
        program=program,
        config=config,
        user=user,
        capabilities=named,
        control_groups="no" if "cgroup" in kinds else "yes",
        namespaces="no" if "sys_admin" in capabilities else "yes",
        write_execute="no" if {"opcua", "oidc"} & set(kinds) else "yes",  # cffi of a TLS library makes its callbacks at run time
    )

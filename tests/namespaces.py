"""Whether network namespaces with a packet filter can be made here. Called by the tests that act in them."""

import os
import shutil
import subprocess
from functools import cache

import pytest

FILTER = (
    "add table inet t; add set inet t s { type ipv4_addr; flags timeout; }; "
    "add chain inet t c { type filter hook forward priority 0; }; add rule inet t c ct state established accept"
)


def needed(*programs: str) -> None:
    """Skips where something is missing. What can be installed, and root, are a failure where all must be there (`INTERFERON_REQUIRE_ALL`);
    a machine on which not even root may make namespaces is none: nothing that is installed would change it."""
    missing = [f"{each} is not installed" for each in programs if not shutil.which(each)]
    if os.geteuid() != 0:
        missing.append("network namespaces need root")
    if missing and os.environ.get("INTERFERON_REQUIRE_ALL") == "1":
        pytest.fail(missing[0], pytrace=False)
    if missing or (missing := [why for why in [barred()] if why]):
        pytest.skip(missing[0])


@cache
def barred() -> str:
    """'' where root can make two namespaces, a wire between them and a stateful packet filter with sets; else what does not work."""
    one, other = f"ifn-try-a{os.getpid()}", f"ifn-try-b{os.getpid()}"
    steps = (
        ("ip", "netns", "add", one),
        ("ip", "netns", "add", other),
        ("ip", "link", "add", "to-b", "netns", one, "type", "veth", "peer", "name", "to-a", "netns", other),
        ("ip", "netns", "exec", one, "nft", FILTER),
    )
    try:
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                return f"this machine does not let root do `{' '.join(step)[:60]}`: {' '.join(done.stderr.split())[:200]}"
    finally:
        for name in (one, other):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return ""

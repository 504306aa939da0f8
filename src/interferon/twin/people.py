"""Who works at a site: identities derived from the network's tables, and the service accounts of its systems.

Read by `scenario` (validation), `hosts` (background activity) and the adversary's traces. Pure.
"""

from interferon.model.network import Network

ROLES = ("operator", "engineer", "planner")
SHIFTS = 3
SERVICE_TYPES = ("wms", "mes", "erp", "tms", "historian", "ai_agent", "api", "cloud_service", "scada")


def staff(network: Network) -> dict[str, tuple[str, ...]]:
    """Site id → names of its people: an operator a shift, an engineer and a planner, at sites that have assets."""
    manned = sorted({network.zones[a.zone].site for a in network.assets.values() if a.zone in network.zones})
    return {site: (*(f"operator.{site}.{n + 1}" for n in range(SHIFTS)), f"engineer.{site}", f"planner.{site}") for site in manned}


def service_accounts(network: Network) -> dict[str, str]:
    """Asset id → its service account."""
    return {a.id: f"svc-{a.id}" for a in network.assets.values() if a.type in SERVICE_TYPES}


def vendor_accounts(network: Network) -> dict[str, str]:
    """Partner id → the account its people use for remote access."""
    return {partner: f"remote.{partner}" for partner in network.partners}


def identities(network: Network) -> dict[str, str]:
    """Every identity → its site id, or '' where it belongs to no site."""
    found = {name: site for site, names in staff(network).items() for name in names}
    found.update({name: network.site_of(f"asset:{asset}") for asset, name in service_accounts(network).items()})
    found.update(dict.fromkeys(vendor_accounts(network).values(), ""))
    return found

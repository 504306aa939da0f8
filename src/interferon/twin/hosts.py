"""Everyday activity of hosts and people: conversations by role, logins by shift, commands, calls, logs, work orders.

Called by the range once an hour. Pure: each hour is drawn by its own counter.
"""

from dataclasses import dataclass

import numpy as np

from interferon.model.network import Asset, Network
from interferon.twin.draws import HOUR, MINUTE, draws, pick
from interferon.twin.machines import signals_of
from interferon.twin.people import SHIFTS, service_accounts, staff
from interferon.twin.rows import Record, attributes

# roles of the two ends → protocol and port, mean kilobytes, conversations an hour
_TALK: dict[tuple[str, str], tuple[str, int, float, float]] = {
    ("historian", "plc"): ("modbus", 502, 300, 1.0),
    ("hmi", "plc"): ("modbus", 502, 60, 1.0),
    ("scada", "plc"): ("opcua", 4840, 150, 1.0),
    ("historian", "robot"): ("opcua", 4840, 200, 1.0),
    ("historian", "sensor_gateway"): ("mqtt", 8883, 40, 1.0),
    ("wms", "agv"): ("mqtt", 8883, 80, 1.0),
    ("wms", "sensor_gateway"): ("mqtt", 8883, 40, 1.0),
    ("erp", "mes"): ("https", 443, 900, 1.0),
    ("erp", "wms"): ("https", 443, 700, 1.0),
    ("erp", "tms"): ("https", 443, 500, 1.0),
    ("mes", "historian"): ("https", 443, 350, 1.0),
    ("mes", "scada"): ("opcua", 4840, 250, 1.0),
    ("telematics", "tms"): ("mqtt", 8883, 30, 0.6),
    ("telematics", "cloud_service"): ("mqtt", 8883, 45, 1.0),
    ("workstation", "server"): ("https", 443, 400, 0.5),
    ("workstation", "erp"): ("https", 443, 250, 0.4),
    ("engineering_workstation", "scada"): ("https", 443, 120, 0.5),
    ("api", "erp"): ("https", 443, 150, 1.0),
    ("ai_agent", "api"): ("https", 443, 90, 1.0),
    ("ai_agent", "cloud_service"): ("https", 443, 90, 1.0),
    ("server", "identity_provider"): ("ldaps", 636, 30, 0.5),
    ("gateway", "cloud_service"): ("https", 443, 60, 1.0),
    ("camera", "server"): ("rtsp", 554, 9000, 0.3),
}
_CONVERSATIONS = 200.0  # told an hour in a large network: a collector sums up and samples what is alike
_NEAR = 2  # partners of one role that a host talks to
_LOGS = (
    "server",
    "wms",
    "mes",
    "erp",
    "tms",
    "identity_provider",
    "historian",
    "engineering_workstation",
    "scada",
    "hmi",
    "api",
    "firewall",
)
_PROGRAMS = ("backup-agent", "update-service", "report-export", "sync-client", "browser", "label-print")
_SHARES = ("orders", "recipes", "reports", "labels")


@dataclass(frozen=True)
class Pair:
    source: str
    target: str
    object: str
    kilobytes: float
    rate: float


def pairs(network: Network) -> tuple[Pair, ...]:
    """Who talks to whom: for each role pair, partners at the same site first, then at a site every other can reach."""
    by_type: dict[str, list[Asset]] = {}
    for asset in network.assets.values():
        by_type.setdefault(asset.type, []).append(asset)
    found: list[Pair] = []
    for (a, b), (protocol, port, kilobytes, rate) in _TALK.items():
        many_to_few = a in ("telematics", "workstation", "camera", "server", "gateway", "ai_agent", "api", "engineering_workstation")
        callers, called = (by_type.get(a, []), by_type.get(b, [])) if many_to_few else (by_type.get(b, []), by_type.get(a, []))
        for asset in callers:
            near = [x for x in called if network.site_of(f"asset:{x.id}") == network.site_of(f"asset:{asset.id}") and x.id != asset.id]
            for other in (near or ([called[pick(0, asset.id, len(called))]] if called and (many_to_few or len(called) == 1) else []))[
                : _NEAR if many_to_few else 1
            ]:
                source, target = (asset, other) if many_to_few else (other, asset)
                found.append(Pair(source.id, target.id, f"{protocol}/{port}", kilobytes, rate))
    return tuple(found)


class Hosts:
    """Generator of an hour's everyday events. `feed` names the log a site's events arrive by."""

    def __init__(self, network: Network, seed: int) -> None:
        self.network, self.seed = network, seed
        self.pairs = pairs(network)
        self._sampled = min(1.0, _CONVERSATIONS / max(sum(pair.rate for pair in self.pairs), 1.0))
        self.staff, self.services = staff(network), service_accounts(network)
        self.of_site: dict[str, dict[str, list[str]]] = {}
        for asset in network.assets.values():
            self.of_site.setdefault(network.site_of(f"asset:{asset.id}"), {}).setdefault(asset.type, []).append(asset.id)
        self.logging = [a.id for a in network.assets.values() if a.type in _LOGS]
        self.agents = [a.id for a in network.assets.values() if a.type in ("ai_agent", "api", "cloud_service")]

    def feed(self, asset: str) -> str:
        return f"activity.{self.network.site_of(f'asset:{asset}') or 'network'}"

    def hour(self, now: int) -> list[Record]:
        """Everyday events in [now, now + 1 h), unordered."""
        hour = now // HOUR
        rng = draws(self.seed, "hosts", 0, hour)
        rows = self._flows(now, rng)
        for part in (self._logins, self._commands, self._calls, self._programs, self._files, self._heartbeats, self._work):
            rows += part(now, draws(self.seed, part.__name__, 0, hour))
        return rows

    def _flows(self, now: int, rng: np.random.Generator) -> list[Record]:
        n = len(self.pairs)
        at, size, there = rng.random(n), np.exp(0.25 * rng.standard_normal(n)), rng.random(n)
        busy = 1.0 + 0.25 * np.sin(2 * np.pi * ((now / HOUR) % 24 - 9) / 24)
        rows: list[Record] = []
        for k, pair in enumerate(self.pairs):
            if there[k] < pair.rate * self._sampled:
                volume = int(pair.kilobytes * 1000 * size[k] * busy)
                rows.append(
                    (
                        now + int(at[k] * HOUR),
                        self.feed(pair.source),
                        f"asset:{pair.source}",
                        {
                            "kind": "network.flow",
                            "source": f"asset:{pair.source}",
                            "target": f"asset:{pair.target}",
                            "object": pair.object,
                            "outcome": "success",
                            "bytes": volume,
                            "attributes": attributes(packets=volume // 800 + 4, duration_s=round(20 + 900 * float(size[k]) / 3, 1)),
                        },
                    )
                )
        return rows

    def login(
        self, when: int, actor: str, place: str, source: str, country: str, device: str, outcome: str = "success", mfa: bool = True
    ) -> Record:
        return (
            when,
            self.feed(place),
            f"identity:{actor}",
            {
                "kind": "auth.login",
                "source": source,
                "target": f"asset:{place}",
                "actor": actor,
                "outcome": outcome,
                "attributes": attributes(country=country, device=device, method="password", mfa=mfa),
            },
        )

    def desk(self, site: str, actor: str) -> str:
        """The host a person of a site logs in to."""
        types = self.of_site.get(site, {})
        wanted = (
            ("hmi", "scada", "wms")
            if actor.startswith("operator")
            else ("engineering_workstation",)
            if actor.startswith("engineer")
            else ("workstation",)
        )
        hosts = next((types[t] for t in (*wanted, "workstation", "server") if types.get(t)), [])
        return hosts[pick(0, actor, len(hosts))] if hosts else ""

    def country(self, site: str) -> str:
        return self.network.sites[site].country if site in self.network.sites else ""

    def _logins(self, now: int, rng: np.random.Generator) -> list[Record]:
        rows: list[Record] = []
        for site, people in self.staff.items():
            for actor in people:
                here, slip, again = rng.random(3)
                desk = self.desk(site, actor)
                shift = int(actor.rpartition(".")[2]) - 1 if actor.startswith("operator") else 1
                since = ((now // HOUR) % 24 - (shift * 24 // SHIFTS + 6)) % 24
                if not desk or not (since == 0 or (since < 8 and again < 0.12)):
                    continue
                when, device = now + int(here * 25 * MINUTE), f"terminal-{desk}"
                if slip < 0.04:
                    rows.append(self.login(when - 1, actor, desk, f"asset:{desk}", self.country(site), device, "failure"))
                rows.append(self.login(when, actor, desk, f"asset:{desk}", self.country(site), device))
        return rows

    def command(self, when: int, source: str, target: str, actor: str, function: str, register: str, value: float) -> Record:
        return (
            when,
            self.feed(target),
            f"asset:{target}",
            {
                "kind": "ot.command",
                "source": f"asset:{source}",
                "target": f"asset:{target}",
                "actor": actor,
                "object": register,
                "code": function,
                "outcome": "success",
                "attributes": attributes(value=round(float(value), 2)),
            },
        )

    def operator(self, site: str, now: int) -> str:
        """The operator on shift."""
        people = self.staff.get(site, ())
        return people[int(((now // HOUR) % 24 - 6) % 24) * SHIFTS // 24] if people else ""

    def _commands(self, now: int, rng: np.random.Generator) -> list[Record]:
        rows: list[Record] = []
        for pair in self.pairs:
            if self.network.assets[pair.source].type not in ("hmi", "scada") or not signals_of(self.network.assets[pair.target]):
                continue
            at, often, which, value = rng.random(4)
            if often < 0.3:
                actor = self.operator(self.network.site_of(f"asset:{pair.source}"), now)
                rows.append(
                    self.command(
                        now + int(at * HOUR),
                        pair.source,
                        pair.target,
                        actor,
                        "write_register",
                        f"holding:{100 + int(which * 6)}",
                        40 + 20 * value,
                    )
                )
        return rows

    def _calls(self, now: int, rng: np.random.Generator) -> list[Record]:
        rows: list[Record] = []
        for asset in self.agents:
            for call in range(3):
                at, size, fails = rng.random(), float(np.exp(0.3 * rng.standard_normal())), rng.random()
                endpoint = ("stock.read", "orders.read", "forecast.write")[call]
                attrs = (
                    attributes(records=int(80 * size), tokens=int(1500 * size))
                    if self.network.assets[asset].type == "ai_agent"
                    else attributes(records=int(120 * size))
                )
                rows.append(
                    (
                        now + int(at * HOUR),
                        self.feed(asset),
                        f"asset:{asset}",
                        {
                            "kind": "api.call",
                            "source": f"asset:{asset}",
                            "actor": self.services.get(asset),
                            "object": endpoint,
                            "code": "POST" if call == 2 else "GET",
                            "outcome": "failure" if fails < 0.01 else "success",
                            "bytes": int(24000 * size),
                            "attributes": attrs,
                        },
                    )
                )
        return rows

    def program(self, when: int, host: str, image: str, parent: str, actor: str | None, line: str) -> Record:
        return (
            when,
            self.feed(host),
            f"asset:{host}",
            {
                "kind": "process.start",
                "source": f"asset:{host}",
                "actor": actor,
                "object": image,
                "outcome": "success",
                "attributes": attributes(parent=parent, command_line=line, host=host),
            },
        )

    def _programs(self, now: int, rng: np.random.Generator) -> list[Record]:
        rows: list[Record] = []
        for host in self.logging:
            at, often, which = rng.random(3)
            if often < 0.25:
                image = _PROGRAMS[(int(which * 3) + len(host) + ord(host[-1])) % len(_PROGRAMS)]
                rows.append(
                    self.program(now + int(at * HOUR), host, image, "service-manager", self.services.get(host), f"{image} --scheduled")
                )
        return rows

    def files(self, when: int, host: str, actor: str | None, share: str, code: str, count: int, volume: int, entropy: float) -> Record:
        return (
            when,
            self.feed(host),
            f"asset:{host}",
            {
                "kind": "file.access",
                "source": f"asset:{host}",
                "actor": actor,
                "object": share,
                "code": code,
                "outcome": "success",
                "bytes": volume,
                "attributes": attributes(files=count, entropy=round(entropy, 2)),
            },
        )

    def _files(self, now: int, rng: np.random.Generator) -> list[Record]:
        rows: list[Record] = []
        for host in self.logging:
            at, often, which, kind = rng.random(4)
            size, mix = float(np.exp(0.5 * rng.standard_normal())), rng.standard_normal()
            if often < 0.2:
                share, code = _SHARES[int(which * 4)], ("read", "read", "write", "read", "rename")[int(kind * 5)]
                count = int(40 * size) + 1 if code != "rename" else int(3 * size) + 1
                rows.append(
                    self.files(now + int(at * HOUR), host, self.services.get(host), share, code, count, int(9e5 * size), 4.6 + 0.3 * mix)
                )
        return rows

    def log(self, when: int, host: str, code: str) -> Record:
        return (when, self.feed(host), f"asset:{host}", {"kind": "log.status", "source": f"asset:{host}", "code": code})

    def _heartbeats(self, now: int, rng: np.random.Generator) -> list[Record]:
        late = rng.random(len(self.logging))
        return [
            self.log(now + int((10 + 40 * pick(0, host, 100) / 100) * MINUTE + late[k] * MINUTE), host, "heartbeat")
            for k, host in enumerate(self.logging)
        ]

    def work(self, when: int, target: str, site: str, code: str, kind: str, ticket: str, since: int, until: int) -> Record:
        return (
            when,
            f"activity.{site or 'network'}",
            target,
            {
                "kind": "work.order",
                "target": target,
                "actor": f"planner.{site}",
                "object": kind,
                "code": code,
                "outcome": "success",
                "attributes": attributes(**{"ticket": ticket, "from": since, "until": until, "approved_by": f"engineer.{site}"}),
            },
        )

    def _work(self, now: int, rng: np.random.Generator) -> list[Record]:
        rows: list[Record] = []
        machines = [a.id for a in self.network.assets.values() if signals_of(a)]
        at, often, which = rng.random(3)
        if machines and often < 0.15:
            asset = machines[int(which * len(machines))]
            site, when = self.network.site_of(f"asset:{asset}"), now + int(at * HOUR)
            rows.append(
                self.work(when, f"asset:{asset}", site, "opened", "inspection", f"W{when // MINUTE % 10**6}", when, when + 2 * HOUR)
            )
        return rows

"""Records of network connections: numbers with heavy tails, categories, rows that know nothing of each other; six kinds of attack.

Used by `interferon.bench.detect_drawn`. Normal services have their own protocol, outcome and sizes; the attacks are a flood, a scan,
guessed passwords, a theft of data, a tunnel in name service, and a foothold (the last three look ordinary in nearly every column alone).
"""

from __future__ import annotations

import numpy as np

from interferon.bench.drawn import Bools, Case, Drawn

# protocol, share, typical bytes out and in, seconds, logged in
SERVICES = {
    "http": ("tcp", 0.46, 300, 4000, 0.5, 1.0),
    "domain": ("udp", 0.24, 45, 90, 0.01, 0.0),
    "smtp": ("tcp", 0.09, 1500, 330, 2.0, 1.0),
    "ftp_data": ("tcp", 0.05, 2000, 2000, 1.0, 1.0),
    "private": ("udp", 0.05, 105, 105, 0.01, 0.0),
    "modbus": ("tcp", 0.05, 66, 120, 300.0, 0.0),
    "echo": ("icmp", 0.03, 30, 30, 0.01, 0.0),
    "ssh": ("tcp", 0.02, 3000, 4000, 60.0, 1.0),
    "telnet": ("tcp", 0.01, 200, 900, 20.0, 1.0),
}
FLAGS, FLAG_SHARES = ("SF", "REJ", "S1", "RSTR"), (0.955, 0.03, 0.008, 0.007)
COLUMNS = (
    *("duration", "bytes_out", "bytes_in", "logged_in", "failed_logins", "hot", "root_shell", "files"),
    *("count", "service_count", "error_rate", "reject_rate", "same_service", "other_hosts"),
)
KINDS = ("flood", "scan", "guess", "theft", "tunnel", "foothold")


def connections(seed: int, train_rows: int = 12_000, test_rows: int = 8000, attacked: float = 0.4) -> Case:
    """Returns normal records, and others of which the share `attacked` belongs to an attack, in no order."""
    random = np.random.default_rng([seed, 2])
    train, _ = _drawn(train_rows, 0.0, random)
    test, labels = _drawn(test_rows, attacked, random)
    return Case("connection records", (train,), test, labels)


def _drawn(rows: int, attacked: float, random: np.random.Generator) -> tuple[Drawn, Bools]:
    shares = np.array([service[1] for service in SERVICES.values()])
    services = random.choice(list(SERVICES), rows, p=shares / shares.sum()).astype(object)
    flags = random.choice(FLAGS, rows, p=FLAG_SHARES).astype(object)
    labels = random.random(rows) < attacked
    kinds = random.choice(KINDS, rows, p=(0.3, 0.25, 0.12, 0.13, 0.1, 0.1))
    records = [_normal(service, flag, random) for service, flag in zip(services, flags, strict=True)]
    for row in np.flatnonzero(labels):
        services[row], flags[row] = _attack(kinds[row], services[row], records[row], random)
    protocols = np.array([SERVICES[service][0] if service in SERVICES else "tcp" for service in services], dtype=object)
    numbers = {name: np.array([record[name] for record in records]) for name in COLUMNS}
    return Drawn({"protocol": protocols, "service": services, "flag": flags, **numbers}), labels


def _normal(service: str, flag: str, random: np.random.Generator) -> dict[str, float]:
    _, _, out, into, seconds, login = SERVICES[service]
    done = flag == "SF"
    count = float(np.floor(random.pareto(1.3) * 3 + 1))
    return {
        "duration": float(np.floor(seconds * random.lognormal(0, 1.2))) * done,
        "bytes_out": float(np.floor(out * random.lognormal(0, 0.9))) * done,
        "bytes_in": float(np.floor(into * random.lognormal(0, 1.4))) * done,
        "logged_in": login * done,
        "failed_logins": float(login * (random.random() < 0.004)),
        "hot": float(random.poisson(0.5)) if service == "ftp_data" and random.random() < 0.1 else 0.0,
        "root_shell": float(service in ("ssh", "telnet") and random.random() < 0.01),
        "files": float(random.poisson(0.3)) if service in ("ssh", "telnet") else 0.0,
        "count": min(count, 500.0),
        "service_count": min(float(np.floor(count * random.uniform(0.6, 1.4) + 1)), 500.0),
        "error_rate": float(np.round(random.beta(0.1, 8), 2)),
        "reject_rate": float(np.round(random.beta(0.2, 6), 2)) if flag != "REJ" else float(np.round(random.beta(2, 2), 2)),
        "same_service": float(np.round(random.beta(8, 0.5), 2)),
        "other_hosts": float(np.round(random.beta(0.4, 3), 2)),
    }


def _attack(kind: str, service: str, record: dict[str, float], random: np.random.Generator) -> tuple[str, str]:
    """Changes the record into one of the attack; returns its service and flag."""
    if kind == "flood":
        record.update(duration=0.0, bytes_out=0.0, bytes_in=0.0, logged_in=0.0, count=float(random.integers(80, 300)))
        record.update(error_rate=float(np.round(random.uniform(0.8, 1), 2)), service_count=float(random.integers(1, 30)))
        return "private", "S0"
    if kind == "scan":
        record.update(duration=0.0, bytes_out=0.0, bytes_in=0.0, logged_in=0.0, count=float(random.integers(1, 200)))
        record.update(reject_rate=float(np.round(random.uniform(0.5, 1), 2)), same_service=float(np.round(random.uniform(0, 0.2), 2)))
        return str(random.choice(("private", "telnet", "ssh", "modbus"))), str(random.choice(("REJ", "RSTR")))
    if kind == "guess":
        record.update(duration=float(random.integers(1, 6)), bytes_out=float(random.integers(100, 180)), logged_in=0.0)
        record.update(bytes_in=float(random.integers(180, 400)), failed_logins=float(random.integers(0, 3)))
        return str(random.choice(("telnet", "ssh"))), "SF"
    if kind == "theft":  # a usual service and usual sizes for some service, the wrong way round for this one
        record.update(bytes_out=float(random.integers(20_000, 200_000)), bytes_in=float(random.integers(0, 300)), logged_in=1.0)
        return str(random.choice(("http", "smtp", "ftp_data"))), "SF"
    if kind == "tunnel":
        record.update(duration=float(random.integers(0, 3)), bytes_out=float(random.integers(180, 900)), logged_in=0.0)
        record.update(bytes_in=float(random.integers(400, 2000)))
        return "domain", "SF"
    record.update(hot=float(random.integers(1, 4)), files=float(random.integers(0, 3)), root_shell=float(random.random() < 0.4))
    record.update(duration=float(random.integers(30, 300)), logged_in=1.0, bytes_out=float(random.integers(200, 1500)))
    return str(random.choice(("telnet", "ftp_data"))), "SF"

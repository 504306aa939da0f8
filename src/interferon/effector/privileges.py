"""Gives up every capability that no enabled actuator needs. Called once at start, before any thread; nothing gets them back."""

import ctypes
import os
from collections.abc import Collection
from typing import Final

from interferon.model.errors import InputError

# linux/capability.h, in the order of their numbers
NAMES: Final = (
    *("chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "linux_immutable"),
    *("net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot"),
    *("sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease"),
    *("audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read"),
    *("perfmon", "bpf", "checkpoint_restore"),
)
_VERSION_3: Final = 0x20080522
_CAPBSET_READ, _CAPBSET_DROP, _NO_NEW_PRIVS = 23, 24, 38
_AMBIENT, _AMBIENT_RAISE, _AMBIENT_CLEAR_ALL = 47, 2, 4


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Words(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def held() -> frozenset[str]:
    """Capabilities in force in this thread."""
    words = (_Words * 2)()
    _call("capget", ctypes.byref(_Header(_VERSION_3, 0)), words)
    mask = words[0].effective | words[1].effective << 32
    return frozenset(name for number, name in enumerate(NAMES) if mask >> number & 1)


def keep(names: Collection[str]) -> None:
    """Keep `names` alone, for this process and the programs it starts. InputError where one of them is not held at all.

    They are put into the bounding set as well (where that may be set), so that a program started as root does not get the others back, and
    into the ambient set, so that one started as another user has them.
    """
    missing = sorted(set(names) - held())
    if missing:
        told = ", ".join(f"CAP_{name.upper()}" for name in missing)
        raise InputError(f"lacks {told}, which an actuator needs; run it as root or by the unit of `interferon effector unit`")
    numbers = [NAMES.index(name) for name in names]
    if "setpcap" in held():
        _bound(numbers)
    mask = sum(1 << number for number in numbers)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    _call("capset", ctypes.byref(_Header(_VERSION_3, 0)), (_Words * 2)(_Words(low, low, low), _Words(high, high, high)))
    _prctl(_AMBIENT, _AMBIENT_CLEAR_ALL)
    for number in numbers:
        _prctl(_AMBIENT, _AMBIENT_RAISE, number)
    _prctl(_NO_NEW_PRIVS, 1)


def _bound(numbers: Collection[int]) -> None:
    for number in range(64):
        if number not in numbers and _libc.prctl(_CAPBSET_READ, number, 0, 0, 0) == 1:
            _prctl(_CAPBSET_DROP, number)


_libc: Final = ctypes.CDLL(None, use_errno=True)


def _prctl(*values: int) -> None:
    _call("prctl", *(ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:5]))


def _call(name: str, *values: object) -> None:
    if getattr(_libc, name)(*values) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")

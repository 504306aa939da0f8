"""The identity object of CIP, as EtherNet/IP's list_identity and CIP's own services tell it. Called by `cip` and `enip_items`. Pure.

Source: ODVA, The CIP Networks Library, volume 1, 5A-2. A reader puts what it finds into a dict; what is cut or does not fit is left out.
"""

from struct import Struct
from typing import Final

from interferon.dissect import cip_names as names
from interferon.dissect.cip_data import Fields, text

SIZES: Final = {1: 2, 2: 2, 3: 2, 4: 2, 5: 2, 6: 4}  # octets of the attributes; the 7th is a short string

_IDENTITY: Final = Struct("<HHHBBHI").unpack_from


def device(told: Fields) -> Fields:
    """What an identity says of the device, under the names that all protocols share."""
    known = {
        "vendor": told.get("vendor"),
        "model": told.get("product_name"),
        "firmware": told.get("revision"),
        "serial": f"{told['serial']:08x}" if "serial" in told else None,
    }
    return {key: value for key, value in known.items() if value}


def identity(raw: bytes, at: int, end: int, told: Fields) -> int:
    """The identity object's attributes 1 to 7 in their order; where they end, or `at` where they are cut."""
    if end - at < 15 or at + 15 + raw[at + 14] > end:
        return at
    number, kind, product, major, minor, state, serial = _IDENTITY(raw, at)
    stop = at + 15 + raw[at + 14]
    told |= {
        "vendor_id": number,
        "vendor": names.vendor(number),
        "device_type": kind,
        "device_type_name": names.device_type(kind),
        "product_code": product,
        "revision": f"{major}.{minor}",
        "status": state,
        "serial": serial,
        "product_name": text(raw, at + 15, stop),
    }
    return stop


def attribute(raw: bytes, at: int, end: int, number: int, told: Fields) -> int:
    """One attribute of the identity object; where it ends, or -1 where it is not known or cut."""
    size = SIZES.get(number, 0)
    if number == 7 and at < end:
        size = 1 + raw[at]
    if not size or end - at < size:
        return -1
    value = int.from_bytes(raw[at : at + size], "little")
    if number == 1:
        told["vendor_id"], told["vendor"] = value, names.vendor(value)
    elif number == 2:
        told["device_type"], told["device_type_name"] = value, names.device_type(value)
    elif number == 4:
        told["revision"] = f"{raw[at]}.{raw[at + 1]}"
    elif number == 7:
        told["product_name"] = text(raw, at + 1, at + size)
    else:
        told[{3: "product_code", 5: "status", 6: "serial"}[number]] = value
    return at + size


def identity_list(raw: bytes, at: int, end: int, told: Fields) -> None:
    """The answer to get_attribute_list of the identity object: count, then number, status and value of each."""
    if end - at < 2:
        return
    count, at = raw[at] | raw[at + 1] << 8, at + 2
    for _ in range(count):
        if end - at < 4:
            return
        number, state = raw[at] | raw[at + 1] << 8, raw[at + 2] | raw[at + 3] << 8
        at += 4
        if not state:
            at = attribute(raw, at, end, number, told)
        if at < 0:
            return

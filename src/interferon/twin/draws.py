"""Counter-based random numbers: the same (seed, purpose, index, hour) gives the same draws whatever was done before.

Called by every part of the range, so that all arms of a comparison share the seed's draws. Pure; holds no state.
"""

import hashlib

import numpy as np

HOUR = 3_600_000_000  # microseconds
MINUTE = 60_000_000


def _word(*parts: object) -> int:
    return int.from_bytes(hashlib.blake2b("|".join(map(str, parts)).encode(), digest_size=8).digest(), "little")


def draws(seed: int, purpose: str, index: int = 0, hour: int = 0) -> np.random.Generator:
    """Generator for one purpose, entity index and absolute hour (Philox-4x64, Salmon et al., SC 2011)."""
    return np.random.Generator(np.random.Philox(key=[_word(seed, purpose), (index << 32) | hour]))


def pick(seed: int, purpose: str, n: int) -> int:
    """One integer in [0, n), for a choice named by `purpose`."""
    return _word(seed, "pick", purpose) % n

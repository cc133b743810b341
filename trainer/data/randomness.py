"""Random numbers as a function of (seed, position): no generator state has to be saved to resume exactly."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_MASK = 2**63 - 1


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed that differs for any difference in `parts`."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") & _MASK


def seed_torch(*parts: int | str) -> None:
    """Seed torch's default generators (CPU and, if initialised, GPU) from `parts`."""
    torch.manual_seed(derive_seed(*parts))


@contextmanager
def seeded(*parts: int | str, device: torch.device) -> Iterator[None]:
    """Inside, torch draws on the CPU and on `device` as `seed_torch(*parts)` says; outside, as if nothing happened."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        seed_torch(*parts)
        yield

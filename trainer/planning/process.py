"""The memory of this process, or of its GPU: what it takes, what it took at most, and what there is for it."""

from pathlib import Path

import torch

from trainer.ranks.room import free_memory


def memory_used(device: torch.device) -> int:
    """Bytes that this process takes now; of a GPU's memory all that is not free, as the rank has it for itself."""
    if device.type == "cuda":
        torch.zeros(1, device=device)  # CUDA takes its part at the first use
        free, total = torch.cuda.mem_get_info(device)
        return total - free
    return _status("VmRSS")


def memory_needed(device: torch.device, base: int) -> int:
    """Bytes that this process has taken at most.

    Args:
        base: what `memory_used` was before there was anything to allocate.
    """
    if device.type == "cuda":
        return base + torch.cuda.max_memory_reserved(device)
    return _status("VmHWM")


def room_of_rank(device: torch.device, *, ranks_here: int) -> int:
    """Bytes for one rank: its GPU's, or its share of what this machine has free."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[1]
    return free_memory() // ranks_here


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))

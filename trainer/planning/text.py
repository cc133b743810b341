"""A plan in words and tables, for people; and as values, for programs."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from sharding.console import counted, markdown_table
from trainer.planning.envelope import at_most
from trainer.planning.forecast import GIB, LEFT_FREE, Forecast
from trainer.planning.request import Found

_MIB = 2**20
_KINDS = {
    "weights": "weights",
    "copies": "copies that ZeRO steps on",
    "gradients": "gradients",
    "buckets": "buckets of gradients on their way",
    "state": "optimizer state",
}


def lines(forecast: Forecast) -> list[str]:
    """All of a plan."""
    return [
        *_arithmetic(forecast.found),
        "",
        *_memory(forecast),
        "",
        *_time(forecast),
        "",
        *_disk(forecast),
    ]


def values(forecast: Forecast) -> dict[str, Any]:
    """All of a plan, as JSON has it: bytes, seconds and floating-point operations."""
    return {
        "num_ranks": forecast.num_ranks,
        "batch_size_per_gpu": forecast.batch_size,
        "images_per_step": forecast.images_per_step,
        "num_steps": forecast.num_steps,
        "step_s": forecast.step_s,
        "hours": forecast.hours,
        "rank_hours": None if forecast.hours is None else forecast.num_ranks * forecast.hours,
        "needs_bytes": forecast.needs(forecast.batch_size),
        "largest_batch": forecast.largest_batch,
        "checkpoint_bytes": forecast.checkpoint_bytes,
        "num_checkpoints": forecast.num_checkpoints,
        "kept_bytes": forecast.kept_bytes,
        "free_disk": forecast.free_disk,
        "refusals": [str(error) for error in forecast.refusals()],
        "found": asdict(forecast.found),
    }


def _arithmetic(found: Found) -> Iterator[str]:
    """Of players, and of the networks of each."""
    rows = []
    for player in found.players:
        own = [network for network in found.networks if network.player == player.name]
        rows.append([player.name, _count(player.num_weights), "", "", f"{player.flops / 1e9:.2f}", ""])
        for network in own:
            forward, maps = f"{network.forward_flops / 1e9:.2f}", f"{network.maps_bytes / _MIB:.1f}"
            rows.append(
                [f"- {network.name}", _count(network.num_weights), f"{network.calls:g}", forward, "", maps],
            )
    shared = found.flops - sum(player.flops for player in found.players)
    rows.append(["generators' pass", "", "", "", f"{shared / 1e9:.2f}", ""])
    rows.append(["all", _count(sum(p.num_weights for p in found.players)), "", "", f"{found.flops / 1e9:.2f}", ""])
    titles = ["of one image", "parameters", "calls", "forward GFLOP", "GFLOP", "feature maps MiB"]
    yield from markdown_table(titles, rows)


def _memory(forecast: Forecast) -> Iterator[str]:
    """Of one rank: what stays from step to step, and what comes and goes with a batch."""
    found, size = forecast.found, forecast.batch_size
    yield from markdown_table(
        ["memory of a rank", "MiB"], [[title, f"{value / _MIB:.1f}"] for title, value in _parts(forecast)]
    )
    yield ""
    share = f"{100 * LEFT_FREE:.0f} % left free"
    needs, room = forecast.needs(size) / GIB, found.memory_bytes / GIB
    there = f"{needs:.2f} GiB with micro-batches of {size}; {room:.2f} GiB are there"
    most = forecast.largest_batch
    yield there + (f"; up to {most} would fit, {share}" if most else f"; no batch fits, {share}")


def _parts(forecast: Forecast) -> Iterator[tuple[str, int]]:
    found, size = forecast.found, forecast.batch_size
    held = {kind: sum(player.held.get(kind, 0) for player in found.players) for kind in _KINDS}
    yield from ((_KINDS[kind], number) for kind, number in held.items() if number)
    yield "averaged networks", found.averages
    if found.pools:
        yield "histories of generated images", found.pools
    yield f"feature maps of {counted(size, 'image')}, at most at once", forecast.maps(size)
    yield "all tensors, at most at once", at_most(found.tensors, size)
    yield "libraries, before there is a network", found.base_bytes
    yield (
        "workspaces, pixels on their way, holes",
        forecast.needs(size) - found.base_bytes - at_most(found.tensors, size),
    )


def _time(forecast: Forecast) -> Iterator[str]:
    found, images, step_s = forecast.found, forecast.images_per_step, forecast.step_s
    steps = f"{forecast.num_steps} steps of {counted(images, 'image')}"
    where = f"{found.device}, {found.dtype}" + (
        "" if found.device != "cpu" else f", {counted(found.num_threads, 'thread')} a rank"
    )
    if step_s is None or forecast.hours is None:
        yield f"time: not measured, as the batch does not fit; {steps}"
        return
    spread = f"{min(found.step_s):.3f} to {max(found.step_s):.3f} s in {counted(len(found.step_s), 'step')}"
    speed = f"{images / step_s:.1f} images/s, {forecast.rank_flops / step_s / 1e12:.3f} TFLOP/s a rank"
    yield f"time: {step_s:.3f} s a step ({spread}; {where}): {speed}"
    unit = "GPU-hours" if found.device != "cpu" else "hours of a rank"
    total = f"{forecast.hours:.2f} hours, {forecast.num_ranks * forecast.hours:.2f} {unit}"
    yield f"training: {steps}: {total}; scoring, pictures and checkpoints come to that"
    if forecast.num_ranks > 1:
        yield f"ranks: {forecast.num_ranks}; one was measured: that they wait for each other comes to that"


def _disk(forecast: Forecast) -> Iterator[str]:
    each, number = forecast.checkpoint_bytes, forecast.num_checkpoints
    kept = f"{forecast.kept_bytes / GIB:.2f} GiB on disk at once; {forecast.free_disk / GIB:.2f} GiB are free"
    yield f"checkpoints: {number}, of {each / _MIB:.1f} MiB each: {number * each / GIB:.2f} GiB written, {kept}"


def _count(number: int) -> str:
    return f"{number / 1e6:.2f} M"

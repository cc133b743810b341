"""Sends each checkpoint to the run's copy in an object store, while training goes on.

Each host sends its part. The main rank, once all parts are there, sends the state that makes the checkpoint count.
What fails is said and counted; the next checkpoint is another chance. Nothing here is collective.
"""

import hashlib
import secrets
import threading

from sharding.storage.files import read_regular
from sharding.storage.place import Url
from sharding.storage.upload import BLOCK_S, remove_file, send_bytes, send_file, stored_sizes
from trainer.checkpoints.layout import STATE_FILE, folder_of, read_state
from trainer.checkpoints.remote.background import Background, Job
from trainer.checkpoints.remote.copy import copy_of, positions, prune_copy, require_own, send_files
from trainer.checkpoints.remote.parts import (
    acknowledge,
    choose_senders,
    part_of,
    receipt_file,
    wait_for_part,
    wait_until_published,
)
from trainer.checkpoints.sight import Sight
from trainer.monitoring.metrics_file import LARGEST_METRICS
from trainer.ranks.world import World
from trainer.runs.changes import took_over
from trainer.runs.rundir import RunDir

AT_END_S = 3600.0
"""Longest time that a run waits at its end for what is still to be sent."""


class Uploader:
    """This rank's part in sending a run's checkpoints. All ranks make one at the same time.

    Args:
        upload: below which the copy lies.
        keep: how many of the newest stay there, beside the best.
        sight: who sees the main rank's checkpoints.
    """

    def __init__(self, run: RunDir, upload: Url, *, keep: int, sight: Sight, world: World) -> None:
        self.run = run
        self.copy = copy_of(run, upload)
        self.keep = keep
        self.world = world
        self.rank = world.rank
        self.senders = choose_senders(world.hosts or [""] * world.size, sight)
        self.hosts = world.hosts
        self._token = world.gather(secrets.token_hex(8))[0]
        self._stop = threading.Event()
        send = self._send if world.is_main else self._send_part
        self._background = Background(send, skips=world.is_main)
        self._is_own = False
        self._sent: dict[str, str] = {}
        self._told: dict[str, float] = {}

    def offer(self, position: int, *, best: int | None) -> None:
        """Send the checkpoint of a position in the background; on the main rank, once it has its name."""
        if self.senders[self.rank] == self.rank:
            self._background.offer(Job(position=position, best=best))

    def offer_taken(self, position: int, *, best: int | None) -> None:
        """Send the checkpoint that the run goes on from if another trial's took its place, which no save has sent.

        What the copy holds of that position are weights that the run no longer has. All ranks call it.
        """
        if self.world.gather(took_over(self.run, position=position))[0]:
            self.offer(position, best=best)

    def held(self) -> set[int]:
        """Positions of checkpoints that are still to be read."""
        return self._background.held()

    def metrics(self) -> dict[str, float]:
        """How many were sent, failed or were left out since the start; empty if nothing has changed."""
        done = self._background
        counts = {
            "upload/done": float(done.num_done),
            "upload/failed": float(done.num_failed),
            "upload/skipped": float(done.num_skipped),
            "time/upload_s": done.longest_s,
        }
        if counts == self._told or not any(counts.values()):
            return {}
        self._told = counts
        return counts

    def close(self) -> None:
        """Wait for the last one; then send what has become of the run since. Never raises."""
        if not self._background.close(timeout_s=AT_END_S):
            self._stop.set()  # the thread says so, and ends
            self._background.close(timeout_s=BLOCK_S)
        elif self._is_own:
            self._background.attempt(self._send_run, what="uploading the run's own files")

    def _send(self, job: Job) -> None:
        """Runs in the main rank's thread."""
        if not self._is_own:
            require_own(self.copy, self.run, stop=self._stop)
            self._is_own = True
        sizes = stored_sizes(self.copy.url, stop=self._stop)
        if job.position in positions(sizes):  # of a former life of the run
            remove_file(self.copy.checkpoint(job.position) / STATE_FILE, stop=self._stop)
        self._send_checkpoint(job.position)
        if job.best not in (None, job.position, *positions(sizes)):
            self._send_whole(job.best)
        sizes = stored_sizes(self.copy.url, stop=self._stop)
        prune_copy(self.copy, sizes, newest=job.position, keep=self.keep, best=job.best, stop=self._stop)

    def _send_checkpoint(self, position: int) -> None:
        folder = folder_of(self.run.checkpoints, position)
        state = read_state(folder)
        parts = {rank: part_of(state, rank, senders=self.senders) for rank in sorted(set(self.senders))}
        send_files(self.copy, folder, parts.pop(self.rank), position=position, stop=self._stop)
        for rank, names in parts.items():
            place = receipt_file(self.copy, token=self._token, position=position, rank=rank)
            wait_for_part(place, state, names, host=self.hosts[rank], stop=self._stop)
        self._send_run()
        send_file(folder / STATE_FILE, self.copy.checkpoint(position) / STATE_FILE, stop=self._stop)

    def _send_whole(self, position: int) -> None:
        """The best, which was left out, or failed, when it was the newest."""
        folder = folder_of(self.run.checkpoints, position)
        names = set(read_state(folder).files or ())
        send_files(self.copy, folder, names, position=position, stop=self._stop)
        send_file(folder / STATE_FILE, self.copy.checkpoint(position) / STATE_FILE, stop=self._stop)

    def _send_run(self) -> None:
        """What of the run's own files has changed since it was sent last."""
        for path in (self.run.run_file, self.run.metrics_file, self.run.evaluation_file, self.run.early_stop_file):
            if not path.exists():
                continue
            content = read_regular(path, most=LARGEST_METRICS)
            digest = hashlib.sha256(content).hexdigest()
            if self._sent.get(path.name) != digest:
                send_bytes(content, self.copy.url / path.name, stop=self._stop)
                self._sent[path.name] = digest

    def _send_part(self, job: Job) -> None:
        """Runs in the thread of another host's first rank."""
        folder, background = folder_of(self.run.checkpoints, job.position), self._background
        wait_until_published(
            folder, is_closing=lambda: background.is_closing, is_overtaken=lambda: background.is_overtaken
        )
        state = read_state(folder)
        names = part_of(state, self.rank, senders=self.senders)
        send_files(self.copy, folder, names, position=job.position, stop=self._stop)
        place = receipt_file(self.copy, token=self._token, position=job.position, rank=self.rank)
        acknowledge(place, state, names, stop=self._stop)

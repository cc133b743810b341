"""One step, watched: the arithmetic of each player and network, and the memory that it takes.

Slower than a step that is not watched, and to the same results.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor

from trainer.data.batch import Batch
from trainer.engine.engine import Engine
from trainer.engine.flops import FlopCount
from trainer.engine.player import PlayerEngine
from trainer.planning.calls import around_calls
from trainer.planning.held import held_by_kind
from trainer.planning.kept import FeatureMaps
from trainer.planning.live import LiveTensors


class StepAccount:
    """Watches steps of an engine (`trainer.engine.look.StepWatcher`), and adds up what they are."""

    def __init__(self, engine: Engine, *, batch_size: int) -> None:
        self._engine, self.batch_size = engine, batch_size
        self.networks = {name: net for each in engine.players.values() for name, net in each.networks.items()}
        self._count = FlopCount()
        self.maps = FeatureMaps(self.networks)
        self.num_steps = 0
        self.num_images = 0
        self.flops_of_players: Counter[str] = Counter()
        """Of their losses and steps; the generators' pass, which serves all players, is in none of them."""
        self.forward_flops: Counter[str] = Counter()
        """Of the networks' forward passes, by whichever player."""
        self.calls: Counter[str] = Counter()
        """Of the networks, likewise."""
        self.held: dict[str, dict[str, int]] = {}
        """Of each player after its backward pass, when it holds most: bytes by kind."""
        self.segments: list[list[int]] = []
        """Bytes of all tensors after each operation: see `trainer.planning.envelope`."""
        self._began: list[int] = []

    @property
    def flops(self) -> int:
        """Of all steps."""
        return self._count.total

    def step(self, batches: list[Batch], *, number: int) -> None:
        """One step of the engine on this rank's micro-batches."""
        num_images = sum(len(batch.index) for batch in batches)
        self._live = LiveTensors()
        with (
            self._live,
            self._count.step(num_images),
            self.maps.counted(),
            around_calls(self.networks, enter=self._enter, leave=self._leave),
        ):
            self._engine.train_step(*batches, step=number, look=self)
        self.segments += self._live.segments
        self.num_steps += 1
        self.num_images += num_images

    @contextmanager
    def at_player(self, name: str, player: PlayerEngine) -> Iterator[None]:
        """See `StepWatcher`."""
        before, self._name = self._count.so_far, name
        self._live.mark()
        yield
        self._live.mark()
        self.flops_of_players[name] += self._count.so_far - before

    def before_update(self, player: PlayerEngine) -> None:
        """See `StepWatcher`."""
        self._live.mark()
        self.held[self._name] = held_by_kind(player)

    def after_update(self, player: PlayerEngine) -> None:
        """See `StepWatcher`."""
        self._live.mark()

    def at_outputs(self, fakes: Mapping[str, Tensor], batch: Batch) -> None:
        """See `StepWatcher`."""

    def _enter(self, _name: str) -> None:
        self._live.mark()
        self._began.append(self._count.so_far)

    def _leave(self, name: str) -> None:
        self.forward_flops[name] += self._count.so_far - self._began.pop()
        self.calls[name] += 1
        self._live.mark()

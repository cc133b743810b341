"""Trains a method's players with DeepSpeed. The hazards of a step have their home here."""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from trainer.config.engine import EngineConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.data.batch import Batch
from trainer.engine.accumulation import MicroBatch, seed_step
from trainer.engine.buffers import BuffersOfFirst
from trainer.engine.compiled_op import load_op
from trainer.engine.deepspeed_config import quieten_deepspeed
from trainer.engine.extensions import use_extensions
from trainer.engine.look import StepWatcher
from trainer.engine.loss_trace import LossTrace
from trainer.engine.pauses import paused_players
from trainer.engine.phases import Phases, count_communication
from trainer.engine.player import PlayerEngine
from trainer.engine.precision import autocasting, fastest_format, resolve_precision, use_tf32
from trainer.methods.base import Method, Network, Networks
from trainer.methods.freezing import without_gradients
from trainer.ranks.sync_norm import mean_over_ranks
from trainer.ranks.world import World


class Engine:
    """All players of a method, stepping in the paper's order."""

    def __init__(
        self,
        method: Method,
        *,
        config: EngineConfig,
        optimizer: OptimizerConfig,
        batch_size_per_gpu: int,
        world: World,
    ) -> None:
        quieten_deepspeed()
        extensions = use_extensions()
        if world.device.type == "cpu":
            load_op(extensions)
        self.method = method
        self.world = world
        self.zero_stage = config.zero_stage
        use_tf32(config.tf32)
        self.dtype = resolve_precision(config, world.device)
        self.memory_format = fastest_format(self.dtype, world.device)
        self.phases = Phases(world.device)
        """Of this rank's steps; who fetches the batches enters phase `data`."""
        self.players = self._make_players(config, optimizer=optimizer, batch_size_per_gpu=batch_size_per_gpu)
        if config.zero_stage > 0:
            count_communication(self.phases)
        self._training = {
            name: self._cast(partial(player.forward, name))
            for player in self.players.values()
            for name in player.networks
        }
        self._modules = {name: network for player in self.players.values() for name, network in player.networks.items()}
        self._plain = {name: self._cast(network) for name, network in self._modules.items()}
        self.trace = LossTrace(method, Networks(self._plain, self._modules), config=config, world=world)

    def _make_players(
        self, config: EngineConfig, *, optimizer: OptimizerConfig, batch_size_per_gpu: int
    ) -> dict[str, PlayerEngine]:
        return {
            name: PlayerEngine(
                player,
                config=config,
                optimizer=optimizer.of(name),
                lr_factor=optimizer.lr_factor(name, is_discriminator=player.is_discriminator),
                batch_size_per_gpu=batch_size_per_gpu,
                dtype=self.dtype,
                world=self.world,
                phases=self.phases,
            )
            for name, player in self.method.players.items()
        }

    def _cast(self, network: Network) -> Network:
        return autocasting(network, device=self.world.device, dtype=self.dtype)

    def train_step(self, *batches: Batch, step: int, look: StepWatcher | None = None) -> dict[str, Tensor]:
        """One step of every player that is due, on as many micro-batches as the engine accumulates.

        Of one micro-batch the generators' pass is made once: its fakes, detached, teach the discriminators, and its
        graph is completed through the updated discriminators, which are frozen and called as plain modules (through its
        engine a frozen network fails at ZeRO 0; not frozen, its gradients are silently wrong at ZeRO 0 and 1).

        Args:
            step: number of the optimizer step, counted from 0: players with a period wait for theirs.
            look: to be told of what happens, if it is a step that is looked at.

        Returns:
            Detached scalars on this rank, means over its micro-batches, under the keys of metrics, e.g.
            `loss/generator/l1`; of a method that pauses players 1 or 0 as `paused/<player>`.
        """
        self.phases.enter("forward")
        batches = tuple(self._in_fastest_format(batch) for batch in batches)
        due = {name: player for name, player in self.players.items() if player.is_due(step)}
        pauses = self._pauses(batches, due)
        due = {name: player for name, player in due.items() if not pauses.get(f"paused/{name}")}
        step_on = self._step_on_one if len(batches) == 1 else self._step_on_many
        return step_on(batches, due, look) | pauses

    def _pauses(self, batches: Sequence[Batch], due: Iterable[str]) -> dict[str, Tensor]:
        """Of each player that is due, 1 if the method lets it sit out the step and 0 if not; empty if it never does."""
        if not self.method.pauses_players:
            return {}
        paused = paused_players(self.method, Networks(self._plain, self._modules), batches, world=self.world)
        return {f"paused/{name}": torch.tensor(float(name in paused), device=self.world.device) for name in due}

    def _step_on_one(
        self, batches: Sequence[Batch], due: Mapping[str, PlayerEngine], look: StepWatcher | None
    ) -> dict[str, Tensor]:
        (batch,) = batches
        seed_step(batch)
        fakes = self._generate(batch, trains=any(not player.player.is_discriminator for player in due.values()))
        logged: dict[str, Tensor] = {}
        for name, player in due.items():
            with self._rivals_frozen(player), _looked_at(look, name, player):
                losses = self.method.losses(name, self._networks_for(player), batch, fakes)
                player.step(self.trace.total(name, losses, batch), look)
            logged |= _logged(name, losses)
        if look is not None:
            look.at_outputs(fakes, batch)
        return logged

    def _step_on_many(
        self, batches: Sequence[Batch], due: Mapping[str, PlayerEngine], look: StepWatcher | None
    ) -> dict[str, Tensor]:
        """Player after player, each over all micro-batches, as that many ranks would step on one each."""
        micro_batches = [MicroBatch(batch) for batch in batches]
        logged: dict[str, list[Tensor]] = defaultdict(list)
        for name, player in due.items():
            networks, buffers = self._networks_for(player), BuffersOfFirst(nn.ModuleList(self._modules.values()))
            with self._rivals_frozen(player), _looked_at(look, name, player):
                for micro_batch in micro_batches:
                    losses = micro_batch.losses(name, self.method, networks, own=player.networks)
                    player.step(self.trace.total(name, losses, micro_batch.batch), look)
                    buffers.end_one()
                    for key, loss in _logged(name, losses).items():
                        logged[key].append(loss)
            buffers.end_all()
        if look is not None:
            for micro_batch in micro_batches:
                look.at_outputs(micro_batch.fakes, micro_batch.batch)
        return {key: torch.stack(values).mean() for key, values in logged.items()}

    def _generate(self, batch: Batch, *, trains: bool) -> dict[str, Tensor]:
        """The generators' pass. Where only critics step, without a graph."""
        if trains:
            return self.method.forward(Networks(self._training, self._modules, plain=self._plain), batch)
        with torch.no_grad():
            return self.method.forward(Networks(self._plain, self._modules), batch)

    def _in_fastest_format(self, batch: Batch) -> Batch:
        a = batch.a.contiguous(memory_format=self.memory_format)
        b = a if batch.b is batch.a else batch.b.contiguous(memory_format=self.memory_format)
        c = None if batch.c is None else batch.c.contiguous(memory_format=self.memory_format)
        return replace(batch, a=a, b=b, c=c)

    def _networks_for(self, player: PlayerEngine) -> Networks:
        calls = self._plain | {name: self._training[name] for name in player.networks}
        joins = self.dtype != torch.float32 and self.zero_stage < 3  # see `joins_calls`
        return Networks(calls, self._modules, plain=self._plain, mean_over_ranks=mean_over_ranks, joins_calls=joins)

    @contextlib.contextmanager
    def _rivals_frozen(self, player: PlayerEngine) -> Iterator[None]:
        rivals = [rival for rival in self.players.values() if rival is not player]
        weights = [parameter for rival in rivals for parameter in rival.networks.parameters()]
        try:
            with without_gradients(weights):
                yield
        except RuntimeError as error:
            error.add_note("player " + next(name for name, one in self.players.items() if one is player))
            raise

    def loss_scales(self) -> dict[str, float]:
        """Metrics of float16, equal on all ranks: `scale/<player>`, and `skipped_steps/<player>` of the whole run."""
        scales = {name: player.loss_scale for name, player in self.players.items() if player.loss_scale is not None}
        return {f"scale/{name}": scale.value for name, scale in scales.items()} | {
            f"skipped_steps/{name}": float(scale.skipped) for name, scale in scales.items()
        }

    def learning_rates(self) -> dict[str, float]:
        """Of each player, in its next step: `lr/<player>`."""
        return {f"lr/{name}": player.learning_rate for name, player in self.players.items()}

    def set_learning_rate(self, lr: float) -> None:
        """Set the run's rate, of which each player has its multiple, from the next step on."""
        for player in self.players.values():
            player.set_learning_rate(lr)

    @contextlib.contextmanager
    def gathered(self, names: Iterable[str] | None = None) -> Iterator[Mapping[str, nn.Module]]:
        """Networks with whole weights, to be read and not written; ZeRO 3 gathers them first.

        Args:
            names: of the networks; those that are averaged if not given.
        """
        import deepspeed

        networks = {name: self._modules[name] for name in names or self.method.averaged}
        parameters = [parameter for network in networks.values() for parameter in network.parameters()]
        with deepspeed.zero.GatheredParameters(parameters, enabled=self.zero_stage == 3):
            yield networks

    def lost_weights(self, player: str) -> list[str]:
        """Names of a player's weights that hold something that is no number; at ZeRO 3 in this rank's part of them."""
        named = self.players[player].networks.named_parameters()
        return [name for name, weight in named if not torch.isfinite(getattr(weight, "ds_tensor", weight)).all()]

    def save(self, folder: Path) -> None:
        """Every rank writes its part. One directory per player: both write files of the same names.

        Raises:
            OSError, RuntimeError: this rank could not, as on a full disk; after all that is collective.
        """
        faults = [player.save(folder / name) for name, player in self.players.items()]
        for fault in faults:
            if fault is not None:
                raise fault

    def load(self, folder: Path, *, saved_ranks: int) -> None:
        """Weights and optimizer state from `save`, on any number of ranks.

        Args:
            saved_ranks: that have saved.

        Raises:
            RuntimeError: DeepSpeed found no complete state there.
        """
        is_cut_anew = self.zero_stage > 0 and saved_ranks != self.world.size
        for name, player in self.players.items():
            player.load(folder / name, saved_ranks=saved_ranks, is_cut_anew=is_cut_anew)


def _looked_at(look: StepWatcher | None, name: str, player: PlayerEngine) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if look is None else look.at_player(name, player)


def _logged(player: str, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"loss/{player}/{term}": loss.detach() for term, loss in losses.items()}

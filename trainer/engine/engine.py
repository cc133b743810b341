"""Trains a method's players with DeepSpeed. The only importer of deepspeed and the one home of its hazards."""

import contextlib
import io
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from trainer.config.training import EngineConfig, OptimizerConfig
from trainer.data.batch import Batch
from trainer.engine.activations import recompute_activations
from trainer.engine.extensions import use_extensions
from trainer.engine.optimizers import make_optimizer
from trainer.engine.precision import autocasting, fastest_format, resolve_precision
from trainer.engine.tensors import MapLocation, load_tensors
from trainer.engine.zero_states import OptimizerState, join_states
from trainer.methods.base import Method, Network, Networks, Player
from trainer.ranks.sync_norm import mean_over_ranks, synchronise
from trainer.ranks.world import World

_TAG = "state"


def to_deepspeed(config: EngineConfig, *, batch_size_per_gpu: int, dtype: torch.dtype) -> dict[str, Any]:
    """DeepSpeed's configuration of one player computing in `dtype`; every key that changes results is written out."""
    lowered = dtype != torch.float32
    return {
        "train_micro_batch_size_per_gpu": batch_size_per_gpu,
        "gradient_accumulation_steps": config.gradient_accumulation_steps,
        "gradient_clipping": config.gradient_clipping,  # DeepSpeed's own default is 1.0
        "zero_optimization": {"stage": config.zero_stage},
        "zero_allow_untested_optimizer": True,
        "prescale_gradients": False,
        # Weights stay float32; autocast lowers the arithmetic and, with ZeRO, what is sent between ranks.
        "bf16": {"enabled": False},
        "fp16": {"enabled": False},
        "torch_autocast": {
            "enabled": lowered,
            "dtype": str(dtype if lowered else torch.bfloat16).removeprefix("torch."),
        },
        "steps_per_print": None,
        "wall_clock_breakdown": False,
    }


class _Router(nn.Module):
    """Gives the networks of one player a single forward, as DeepSpeed and DDP want it."""

    def __init__(self, networks: nn.ModuleDict) -> None:
        super().__init__()
        self.networks = networks

    def forward(self, name: str, *inputs: Tensor) -> Any:
        return self.networks[name](*inputs)


class PlayerEngine:
    """One player: its networks, optimizer and DeepSpeed engine."""

    def __init__(
        self,
        player: Player,
        *,
        config: EngineConfig,
        optimizer: OptimizerConfig,
        batch_size_per_gpu: int,
        dtype: torch.dtype,
        world: World,
    ) -> None:
        import deepspeed

        if config.sync_batch_norm:
            synchronise(player.networks)
        if config.activation_checkpointing:
            recompute_activations(player.networks)
        router = _Router(player.networks).to(world.device)
        stepper = make_optimizer(router.parameters(), config=optimizer, weight_clip=player.weight_clip)
        engine: Any
        with contextlib.redirect_stdout(io.StringIO()):  # it prints that its operator is built, at every start
            engine, *_ = deepspeed.initialize(
                model=router,
                optimizer=stepper,
                config=to_deepspeed(config, batch_size_per_gpu=batch_size_per_gpu, dtype=dtype),
            )
        _read_no_code(engine)
        self.engine = engine
        self.player = player
        self.networks = player.networks
        self._lr_factor = optimizer.discriminator_lr_factor if player.is_discriminator else 1.0
        self._ddp: Any = None
        if config.zero_stage == 0:
            # Only here and only now can weights be channels_last: before `initialize` DeepSpeed cannot view them as
            # bytes, and ZeRO 1 to 3 flatten them.
            router.to(memory_format=fastest_format(dtype, world.device))
            self._use_own_reducer(router, world)

    def _use_own_reducer(self, router: _Router, world: World) -> None:
        """Let torch's DDP reduce gradients at ZeRO 0, overlapped with the backward pass.

        DeepSpeed's own all-reduce flattens and copies all gradients after the backward pass, with one rank too.
        """
        self.engine.enable_backward_allreduce = False
        if world.size > 1:
            self._ddp = DistributedDataParallel(router, broadcast_buffers=False)

    def is_due(self, step: int) -> bool:
        """Whether it steps in step number `step` of the run, counted from 0."""
        return (step + 1) % self.player.period == 0

    def forward(self, name: str, *inputs: Tensor) -> Any:
        """The forward that trains: its graph ends in this player's `backward`."""
        if self._ddp is None:
            return self.engine(name, *inputs)
        self._ddp.require_backward_grad_sync = self.engine.is_gradient_accumulation_boundary()
        return self._ddp(name, *inputs)

    def step(self, loss: Tensor) -> None:
        """One backward, one step: with more than one backward per step ZeRO 1 and 2 are silently wrong."""
        self.engine.backward(loss)
        self.engine.step()

    def set_learning_rate(self, lr: float) -> None:
        for group in self.engine.optimizer.param_groups:
            group["lr"] = lr * self._lr_factor


class Engine:
    """All players of a method, stepping in the paper's order on one graph of the generators."""

    def __init__(
        self,
        method: Method,
        *,
        config: EngineConfig,
        optimizer: OptimizerConfig,
        batch_size_per_gpu: int,
        world: World,
    ) -> None:
        _quieten_deepspeed()
        use_extensions()
        self.method = method
        self.world = world
        self.zero_stage = config.zero_stage
        self.dtype = resolve_precision(config, world.device)
        self.memory_format = fastest_format(self.dtype, world.device)
        self.players = {
            name: PlayerEngine(
                player,
                config=config,
                optimizer=optimizer,
                batch_size_per_gpu=batch_size_per_gpu,
                dtype=self.dtype,
                world=world,
            )
            for name, player in method.players.items()
        }
        self._training = {
            name: self._cast(partial(player.forward, name))
            for player in self.players.values()
            for name in player.networks
        }
        self._modules = {name: network for player in self.players.values() for name, network in player.networks.items()}
        self._plain = {name: self._cast(network) for name, network in self._modules.items()}

    def _cast(self, network: Network) -> Network:
        return autocasting(network, device=self.world.device, dtype=self.dtype)

    def train_step(self, batch: Batch, *, step: int) -> dict[str, Tensor]:
        """One micro-batch for every player that is due; weights move at the end of each accumulation.

        The generators' pass is made once: its fakes, detached, teach the discriminators, and its graph is completed
        through the updated discriminators, which are frozen and called as plain modules (through its engine a frozen
        network fails at ZeRO 0; not frozen, its gradients are silently wrong at ZeRO 0 and 1).

        Args:
            step: number of the optimizer step, counted from 0: players with a period wait for theirs.

        Returns:
            Detached scalars on this rank, e.g. `generator/l1`.
        """
        batch = self._in_fastest_format(batch)
        due = {name: player for name, player in self.players.items() if player.is_due(step)}
        fakes = self._generate(batch, trains=any(not player.player.is_discriminator for player in due.values()))
        logged: dict[str, Tensor] = {}
        for name, player in due.items():
            with self._rivals_frozen(player):
                losses = self.method.losses(name, self._networks_for(player), batch, fakes)
                player.step(torch.stack(list(losses.values())).sum())
            logged |= {f"{name}/{term}": loss.detach() for term, loss in losses.items()}
        return logged

    def _generate(self, batch: Batch, *, trains: bool) -> dict[str, Tensor]:
        """The generators' pass. Where only critics step, without a graph."""
        if trains:
            return self.method.forward(Networks(self._training, self._modules), batch)
        with torch.no_grad():
            return self.method.forward(Networks(self._plain, self._modules), batch)

    def _in_fastest_format(self, batch: Batch) -> Batch:
        a = batch.a.contiguous(memory_format=self.memory_format)
        b = a if batch.b is batch.a else batch.b.contiguous(memory_format=self.memory_format)
        return replace(batch, a=a, b=b)

    def _networks_for(self, player: PlayerEngine) -> Networks:
        calls = self._plain | {name: self._training[name] for name in player.networks}
        return Networks(calls, self._modules, mean_over_ranks=mean_over_ranks)

    @contextlib.contextmanager
    def _rivals_frozen(self, player: PlayerEngine) -> Iterator[None]:
        rivals = [rival for rival in self.players.values() if rival is not player]
        for rival in rivals:
            rival.networks.requires_grad_(False)
        try:
            yield
        finally:
            for rival in rivals:
                rival.networks.requires_grad_(True)

    def set_learning_rate(self, lr: float) -> None:
        """Set the rate of all players, from the next step on."""
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

    def save(self, folder: Path) -> None:
        """Every rank writes its part. One directory per player: both write files of the same names."""
        for name, player in self.players.items():
            player.engine.save_checkpoint(str(folder / name), tag=_TAG, save_latest=False)

    def load(self, folder: Path, *, saved_ranks: int) -> None:
        """Weights and optimizer state from `save`, at the same number of ranks, or at any if ZeRO is 0 to 2.

        Args:
            saved_ranks: that have saved.

        Raises:
            RuntimeError: DeepSpeed found no complete state there.
        """
        is_cut_anew = self.zero_stage > 0 and saved_ranks != self.world.size
        for name, player in self.players.items():
            found, _ = player.engine.load_checkpoint(str(folder / name), tag=_TAG, load_module_only=is_cut_anew)
            if found is None:
                raise RuntimeError(f"{folder / name} holds no complete DeepSpeed state; use an older checkpoint.")
            if is_cut_anew:
                _load_optimizer(player.engine, join_states(folder / name / _TAG, num_ranks=saved_ranks))


def forget_world() -> None:
    """Make DeepSpeed let go of the process group, before it is left: else none can be trained with after another."""
    if "deepspeed" not in sys.modules or not torch.distributed.is_initialized():
        return
    from deepspeed import comm

    if comm.is_initialized():
        comm.destroy_process_group()


def _read_no_code(engine: Any) -> None:
    """Let DeepSpeed read its files as tensors and plain values, and leave no scripts beside them.

    Its own reading runs whatever a pickle in them names. All of it goes through this one function: the weights in
    SDLoader, the optimizer's state at ZeRO 1 to 3. What is left out is universal checkpoints, which no run has.
    """
    assert type(engine.checkpoint_engine).__name__ == "TorchCheckpointEngine", engine.checkpoint_engine

    def load(path: str, map_location: MapLocation = None) -> Any:
        content = load_tensors(Path(path), map_location=map_location)
        own = content.get("optimizer_state_dict") if isinstance(content, dict) else None
        if isinstance(own, dict) and "loss_scaler" in own:
            own["loss_scaler"] = engine.optimizer.loss_scaler
        return content

    engine.checkpoint_engine.load = load
    engine._copy_recovery_script = lambda save_path: None  # programs in a checkpoint would be run by whoever gets it


def _load_optimizer(engine: Any, whole: OptimizerState) -> None:
    """This rank's slices of an optimizer's state. At ZeRO 1 and 2."""
    optimizer = engine.optimizer.optimizer  # torch's, of one flat vector: this rank's slice of all parameters
    (vector,) = (parameter for group in optimizer.param_groups for parameter in group["params"])
    state = {key: value.to(vector.device).clone() for key, value in whole.of_all.items()}
    for name, parameter in engine.module.named_parameters():
        mapping = parameter._hp_mapping
        if mapping is None:
            continue  # none of it is in this rank's slice
        there, here = mapping.lp_fragment_address, mapping.hp_fragment_address
        for key, values in whole.of_parameters[name].items():
            own = state.setdefault(key, torch.zeros_like(vector))
            own[here.start : here.start + here.numel] = values[there.start : there.start + there.numel]
    optimizer.state[vector] = state


def _quieten_deepspeed() -> None:
    """Keep information lines out of the user's progress display; DeepSpeed's warnings stay.

    torch warns that there is no CUDA when it loads DeepSpeed's CPU operator, for which none is needed.
    """
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    from deepspeed.utils import logger

    logger.setLevel(logging.WARNING)

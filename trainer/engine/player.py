"""One player under DeepSpeed: its networks, its optimizer, its part of a checkpoint."""

import contextlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from trainer.config.engine import EngineConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.engine.activations import recompute_activations
from trainer.engine.compiled import compile_networks
from trainer.engine.deepspeed_config import to_deepspeed
from trainer.engine.eager_ddp import EagerDDP
from trainer.engine.eager_zero import eager_zero
from trainer.engine.few_pixels import use_products
from trainer.engine.frozen import trained
from trainer.engine.instance_norm import keep_layout
from trainer.engine.loss_scale import follow_step, make_loss_scale, take_over_scaling
from trainer.engine.optimizers import clip_after_each_step, make_optimizer
from trainer.engine.phases import Phases
from trainer.engine.precision import fastest_format
from trainer.engine.tensors import MapLocation, load_tensors
from trainer.engine.zero3_states import load_slices
from trainer.engine.zero_states import join_states, load_slice
from trainer.methods.base import Player
from trainer.ranks.sync_norm import synchronise
from trainer.ranks.world import World

_TAG = "state"
_LOSS_SCALE = "loss_scale"


class Watcher(Protocol):
    """Looks at the weights of a player around its step."""

    def before_update(self, player: "PlayerEngine") -> None:
        """Gradients are there."""
        ...

    def after_update(self, player: "PlayerEngine") -> None:
        """Weights have moved."""
        ...


class _Router(nn.Module):
    """Gives the networks of one player a single forward, as DeepSpeed and DDP want it."""

    def __init__(self, networks: nn.ModuleDict) -> None:
        super().__init__()
        self.networks = networks

    def forward(self, name: str, *inputs: Tensor) -> Any:
        return self.networks[name](*inputs)


class PlayerEngine:
    """One player: its networks, optimizer and DeepSpeed engine.

    Args:
        optimizer: its own settings.
        lr_factor: its learning rate as a multiple of the run's.
    """

    def __init__(
        self,
        player: Player,
        *,
        config: EngineConfig,
        optimizer: OptimizerConfig,
        lr_factor: float,
        batch_size_per_gpu: int,
        dtype: torch.dtype,
        world: World,
        phases: Phases,
    ) -> None:
        import deepspeed

        _prepare(player.networks, config, world)
        router = _Router(player.networks).to(world.device)
        is_eager = config.compile == "off"
        stepper = make_optimizer(trained(router), optimizer, is_eager=is_eager)
        settings = to_deepspeed(config, batch_size_per_gpu=batch_size_per_gpu, dtype=dtype, weights=trained(router))
        engine: Any
        # DeepSpeed prints that its operator is built, at every start.
        with contextlib.redirect_stdout(io.StringIO()), eager_zero(is_eager=is_eager):
            engine, *_ = deepspeed.initialize(model=router, optimizer=stepper, config=settings)
        clip_after_each_step(engine, player.weight_clip)
        _read_no_code(engine)
        self._faults = _note_faults(engine)
        self.engine, self.player = engine, player
        self._phases = phases
        self.networks = player.networks
        self._lr_factor = lr_factor
        self._zero_stage = config.zero_stage
        self.loss_scale = make_loss_scale(config) if dtype == torch.float16 else None
        take_over_scaling(engine, self.loss_scale)
        self._ddp: Any = None
        if config.zero_stage == 0:
            self._use_own_reducer(router, world, dtype=dtype, config=config)

    def _use_own_reducer(self, router: _Router, world: World, *, dtype: torch.dtype, config: EngineConfig) -> None:
        """Let torch's DDP reduce gradients at ZeRO 0, overlapped with the backward pass.

        DeepSpeed's own all-reduce flattens and copies all gradients after the backward pass, with one rank too.
        """
        # Only here and only now can weights be channels_last: before `initialize` DeepSpeed cannot view them as
        # bytes, and ZeRO 1 to 3 flatten them.
        router.to(memory_format=fastest_format(dtype, world.device))
        self.engine.enable_backward_allreduce = False
        if world.size > 1:
            bucket_mb = config.reduce_bucket_size * torch.float32.itemsize / 2**20
            kind = EagerDDP if config.compile == "off" else DistributedDataParallel
            self._ddp = kind(router, forward_sync_buffers=False, bucket_cap_mb=bucket_mb or None)

    def is_due(self, step: int) -> bool:
        """Whether it steps in step number `step` of the run, counted from 0."""
        return (step + 1) % self.player.period == 0

    def forward(self, name: str, *inputs: Tensor) -> Any:
        """The forward that trains: its graph ends in this player's `backward`."""
        if self._ddp is None:
            return self.engine(name, *inputs)
        self._ddp.require_backward_grad_sync = self.engine.is_gradient_accumulation_boundary()
        return self._ddp(name, *inputs)

    @property
    def splits_gradients(self) -> bool:
        """Whether no rank has whole gradients after the backward pass."""
        return self._zero_stage > 0

    @property
    def scale(self) -> float:
        """What its gradients are multiplied by before the step."""
        return 1.0 if self.loss_scale is None else self.loss_scale.value

    @property
    def learning_rate(self) -> float:
        """Of its next step."""
        return self.engine.optimizer.param_groups[0]["lr"]

    def step(self, loss: Tensor, watcher: Watcher | None = None) -> None:
        """One backward, one step: with more than one backward per step ZeRO 1 and 2 are silently wrong."""
        moves_weights = self.engine.is_gradient_accumulation_boundary()
        self._phases.watch_backward(loss)
        self.engine.backward(loss)
        self._phases.enter("update")
        if watcher is not None and moves_weights:
            watcher.before_update(self)
        self.engine.step()
        if watcher is not None and moves_weights:
            watcher.after_update(self)
        if self.loss_scale is not None and moves_weights:
            follow_step(self.engine, self.loss_scale)
        self._phases.enter("forward")

    def set_learning_rate(self, lr: float) -> None:
        for group in self.engine.optimizer.param_groups:
            group["lr"] = lr * self._lr_factor

    def save(self, folder: Path) -> Exception | None:
        """Every rank writes its part. Returns what went wrong with the disk: other ranks still wait for this one."""
        self._faults.clear()
        own = {} if self.loss_scale is None else {_LOSS_SCALE: self.loss_scale.state_dict()}
        self.engine.save_checkpoint(str(folder), tag=_TAG, save_latest=False, client_state=own)
        return next(iter(self._faults), None)

    def load(self, folder: Path, *, saved_ranks: int, is_cut_anew: bool) -> None:
        """What `save` wrote on `saved_ranks` ranks; cut anew, each rank takes its own slice of the optimizer's state.

        Raises:
            RuntimeError: DeepSpeed found no complete state there.
        """
        if is_cut_anew and self._zero_stage == 3:
            self._resume_scaling(load_slices(self.engine, folder / _TAG, saved_ranks=saved_ranks))
            return
        found, own = self.engine.load_checkpoint(str(folder), tag=_TAG, load_module_only=is_cut_anew)
        if found is None:
            raise RuntimeError(f"{folder} holds no complete DeepSpeed state; use an older checkpoint.")
        self._resume_scaling(own)
        if is_cut_anew:
            load_slice(self.engine, join_states(folder / _TAG, num_ranks=saved_ranks))

    def _resume_scaling(self, saved: Mapping[str, Any]) -> None:
        if self.loss_scale is not None and _LOSS_SCALE in saved:  # else the run had another precision
            self.loss_scale.load_state_dict(saved[_LOSS_SCALE])
            take_over_scaling(self.engine, self.loss_scale)


def _prepare(networks: nn.ModuleDict, config: EngineConfig, world: World) -> None:
    """Change in place how networks compute, before an engine takes them."""
    if config.sync_batch_norm:
        synchronise(networks)
    if world.device.type == "cpu":
        use_products(networks)
        if config.compile == "off":
            keep_layout(networks)
    if config.activation_checkpointing:
        recompute_activations(networks)
    if config.compile != "off":
        compile_networks(networks, config.compile, world.device)


def _note_faults(engine: Any) -> list[Exception]:
    """Let a full disk not keep a rank from the barriers of DeepSpeed's saving, where the others would wait for it.

    Returns where the faults of a save are noted; after the first nothing more is written.
    """
    faults: list[Exception] = []
    files = engine.checkpoint_engine

    def noting(operation: Callable[..., Any]) -> Callable[..., None]:
        def attempt(*arguments: Any, **options: Any) -> None:
            try:
                if not faults:
                    operation(*arguments, **options)
            # torch reports a full disk while it writes a zip archive as RuntimeError.
            except (OSError, RuntimeError) as error:
                faults.append(error)

        return attempt

    files.save, files.makedirs = noting(files.save), noting(files.makedirs)
    return faults


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

"""A trained run, ready for use: the averaged networks of a checkpoint, without DeepSpeed."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from sharding.console import make_console
from trainer.checkpoints.given import BEST, kept_best, require_given
from trainer.checkpoints.layout import EMA_FILE, CheckpointError, CheckpointState
from trainer.checkpoints.load import load_average
from trainer.checkpoints.whole import WholeCheckpoint, look_at, newest_whole_checkpoint
from trainer.config.errors import ConfigError
from trainer.data.batch import Batch
from trainer.engine.average import MovingAverage
from trainer.engine.precision import autocasting, fastest_format, lower_weights, resolve_precision, use_tf32
from trainer.inference.images_apart import can_be_apart, images_apart, let_be_apart
from trainer.inference.modes import dropouts, require_takers, set_modes
from trainer.inference.usage import AS_THE_METHOD, Usage
from trainer.methods.base import (
    Encodes,
    Method,
    Networks,
    Relabels,
    Samples,
    SamplesViews,
    TakesStyle,
    Translates,
    TranslatesBack,
    Varies,
)
from trainer.methods.codes import Codes
from trainer.methods.registry import build_method
from trainer.ranks.world import lone_world
from trainer.runs.config import RunConfig
from trainer.runs.opened import OpenRun
from trainer.runs.rundir import RunDir
from trainer.runs.task import resolve_task


@dataclass(frozen=True, eq=False)
class Translator:
    """A method with its averaged networks, used as at test time, in the run's precision.

    Images are float32 (N, C, H, W) in [-1, 1] on the networks' device; H and W multiples of the method's stride. A
    method may use noise: seed torch for repeatable results. What `method` cannot do is not to be asked for:
    look with `isinstance(translator.method, Translates)`.
    """

    method: Method
    networks: Networks
    layout: torch.memory_format

    @torch.no_grad()
    def columns(self, batch: Batch) -> dict[str, Tensor]:
        """What a picture shows of a batch: titles, and images."""
        return self.method.columns(self.networks, batch)

    @torch.no_grad()
    def translate(self, image: Tensor) -> Tensor:
        """View a -> view b."""
        assert isinstance(self.method, Translates)
        return self.method.translate(self.networks, self._laid_out(image))

    @property
    def has_dropout(self) -> bool:
        """Whether a network has any, on or off."""
        return bool(self._dropouts())

    @property
    def drops(self) -> bool:
        """Whether dropout is on, so that each pass is another one."""
        return any(layer.training for layer in self._dropouts())

    def _dropouts(self) -> list[_DropoutNd]:
        return dropouts(self.modules)

    @property
    def takes_images_apart(self) -> bool:
        """Whether a translation of several images can be that of each alone: see `images_apart`."""
        return not self.method.translates_by_chance and can_be_apart(self.modules)

    def images_apart(self, seeds: Sequence[int], *, device: torch.device) -> AbstractContextManager[None]:
        """Inside, what is made of an image depends on that image and its seed, not on the others of a batch."""
        return images_apart(self.modules, seeds, device=device)

    @property
    def modules(self) -> list[nn.Module]:
        """The networks themselves."""
        return [self.networks.module(name) for name in self.networks]

    @torch.no_grad()
    def vary(self, image: Tensor) -> Tensor:
        """View a -> view b, drawn."""
        assert isinstance(self.method, Varies)
        return self.method.vary(self.networks, self._laid_out(image))

    @torch.no_grad()
    def translate_styled(self, image: Tensor, style: Tensor) -> Tensor:
        """View a -> view b, in the style of an image of view b."""
        assert isinstance(self.method, TakesStyle)
        return self.method.translate_styled(self.networks, self._laid_out(image), self._laid_out(style))

    @torch.no_grad()
    def translate_back(self, image: Tensor) -> Tensor:
        """View b -> view a."""
        assert isinstance(self.method, TranslatesBack)
        return self.method.translate_back(self.networks, self._laid_out(image))

    @torch.no_grad()
    def sample(self, num: int, label: Tensor | None) -> Tensor:
        """Images of view b, drawn from noise; label int64 (num,) where the method has labels."""
        assert isinstance(self.method, Samples)
        return self.method.sample(self.networks, num, label)

    @torch.no_grad()
    def sample_views(self, num: int, label: Tensor | None) -> Mapping[str, Tensor]:
        """The same of all views that the method draws at once: of "a" and "b", or of "b" alone."""
        if isinstance(self.method, SamplesViews):
            return self.method.sample_views(self.networks, num, label)
        return {"b": self.sample(num, label)}

    @torch.no_grad()
    def relabel(self, image: Tensor, label: Tensor, kept: Mapping[str, Tensor] = MappingProxyType({})) -> Tensor:
        """The same with other labels, int64 (N,); `kept` are the images' own of those that the method keeps."""
        assert isinstance(self.method, Relabels)
        return self.method.relabel(self.networks, self._laid_out(image), label, kept)

    @torch.no_grad()
    def encode(self, image: Tensor) -> Codes:
        """Codes (N, ...)."""
        assert isinstance(self.method, Encodes)
        return self.method.encode(self.networks, self._laid_out(image))

    @torch.no_grad()
    def decode(self, code: Codes) -> Tensor:
        """Images of codes."""
        assert isinstance(self.method, Encodes)
        return self.method.decode(self.networks, code)

    def _laid_out(self, image: Tensor) -> Tensor:
        return image.contiguous(memory_format=self.layout)


def averaged_translator(
    method: Method,
    average: MovingAverage,
    *,
    config: RunConfig,
    device: torch.device,
    usage: Usage = AS_THE_METHOD,
) -> Translator:
    """The method with the averaged networks, which go on following the training."""
    use_tf32(config.engine.tf32)
    dtype = resolve_precision(config.engine, device)
    layout = fastest_format(dtype, device)
    modules: Mapping[str, nn.Module] = average.networks
    for network in modules.values():
        network.to(memory_format=layout)
    let_be_apart(modules.values())
    set_modes(modules.values(), usage, of_method=method.trains_at_test_time)
    calls = {name: autocasting(network, device=device, dtype=dtype) for name, network in modules.items()}
    return Translator(method, Networks(calls, modules), layout)


def load_translator(
    opened: OpenRun,
    *,
    device: torch.device,
    checkpoint: Path | None = None,
    usage: Usage = AS_THE_METHOD,
    quiet: bool = False,
) -> tuple[Translator, int]:
    """The translator of a run's newest whole checkpoint, and the position (images) it was made at.

    Says on the console which one it is, and which newer ones are damaged.

    Raises:
        ConfigError: there is no whole checkpoint there, its name is no number of images, or no best is kept; no network
            has what `usage` speaks of.
    """
    config = opened.config
    folder = chosen_checkpoint(opened.run, checkpoint)
    method = build_method(config.method, resolve_task(opened.subject, needs_images=False))
    networks = {name: player.networks[name] for player in method.players.values() for name in player.networks}
    average = MovingAverage({name: networks[name] for name in method.averaged}, half_life_kimg=0)
    require_takers(average.networks, usage, method=config.method.name)
    make_console(stderr=True, quiet=quiet).print(f"checkpoint: {folder}")
    try:
        load_average(folder, average, device=torch.device("cpu"))
    except CheckpointError as error:
        raise ConfigError("checkpoint", str(folder), str(error)) from error
    for network in average.networks.values():
        network.to(device)
    translator = averaged_translator(method, average, config=config, device=device, usage=usage)
    for network in average.networks.values():
        lower_weights(network, resolve_precision(config.engine, device))
    return translator, int(folder.name)


def chosen_checkpoint(run: RunDir, checkpoint: Path | None) -> Path:
    """Where the averaged networks are read: the checkpoint that was asked for, `best`, or the newest whole one.

    Raises:
        ConfigError: it is damaged, or there is none.
    """
    if checkpoint is None:
        return _newest(run).folder
    if checkpoint == BEST:
        checkpoint = kept_best(_newest(run).state, checkpoints=run.checkpoints, field="checkpoint")
    return _given(run, checkpoint)


def _newest(run: RunDir) -> WholeCheckpoint:
    try:
        whole = newest_whole_checkpoint(run.checkpoints, world=lone_world(torch.device("cpu")), names=[EMA_FILE])
    except CheckpointError as error:
        raise ConfigError("run", str(run.path), str(error)) from error
    if whole is None:
        raise ConfigError("run", str(run.path), "has no complete checkpoint yet; train it further.")
    for note in whole.notes:
        make_console(stderr=True).print(note)
    return whole


def _given(run: RunDir, folder: Path) -> Path:
    """The checkpoint that was asked for, which no other takes the place of."""
    require_given(folder, checkpoints=run.checkpoints)
    found = look_at(folder, world=lone_world(torch.device("cpu")), names=[EMA_FILE])
    if not isinstance(found, CheckpointState):
        raise ConfigError("checkpoint", str(folder), f"is damaged: {found}. Give another in {run.checkpoints}.")
    return folder

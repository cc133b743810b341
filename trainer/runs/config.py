"""The configuration of one run, whole, and as the values of its run.json."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from sharding.storage.typed import adapter_of
from trainer.config.adapters import read_values
from trainer.config.checkpoint import CheckpointConfig
from trainer.config.data import DataConfig
from trainer.config.engine import EngineConfig
from trainer.config.errors import require
from trainer.config.evaluate import EvaluateConfig
from trainer.config.log import LogConfig
from trainer.config.method import MethodConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.samples import SamplesConfig
from trainer.config.section import Section, check_section
from trainer.config.stored import Stored
from trainer.config.train import TrainConfig
from trainer.methods.registry import dump_method, parse_method


def _default_method() -> MethodConfig:
    """Another is chosen by the preset, on the command line: it narrows the flags to those of its section.

    The paper's eight halvings are for its 256 pixels; `DataConfig` has 128.
    """
    return parse_method({"name": "pix2pix", "generator": {"num_downs": 7}})


@dataclass(frozen=True, kw_only=True)
class RunConfig(Section):
    """All of one training run."""

    method: Annotated[MethodConfig, Stored(read=parse_method, write=dump_method)] = field(
        default_factory=_default_method
    )
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    log: LogConfig = field(default_factory=LogConfig)
    samples: SamplesConfig = field(default_factory=SamplesConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)

    def __post_init__(self) -> None:
        """Check all sections, wherever the configuration comes from: only here they know their places, and that of
        optimizers which players they are for.
        """
        object.__setattr__(self, "optimizer", self.optimizer.for_players(self.method.players))
        check_section(self)

    def check_fields(self) -> None:
        """Raise ConfigError for sections that contradict each other."""
        self.method.check(self.data)
        self._check_views()
        self._check_batch()
        self._check_engine()
        self._check_critics()
        self._check_watched_score()

    def _check_watched_score(self) -> None:
        require(
            self.checkpoint.keep_best is None or self.evaluate.period_kimg > 0,
            "checkpoint.keep_best",
            self.checkpoint.keep_best,
            "needs scores on the way: set evaluate.period_kimg to more than 0, or checkpoint.keep_best to None.",
        )
        require(
            self.train.patience_kimg == 0 or self.checkpoint.keep_best is not None,
            "train.patience_kimg",
            self.train.patience_kimg,
            "waits for a score to improve: name it in checkpoint.keep_best, e.g. eval/psnr, or use 0 (off).",
        )

    def _check_views(self) -> None:
        view_c = self.data.view_c
        require(
            view_c is None or self.method.needs_view_c,
            "data.view_c",
            view_c,
            f"is of no use: method.name = {self.method.name!r} learns from no third view. Use None.",
        )
        require(
            view_c is None or view_c not in (self.data.view_a, self.data.view_b),
            "data.view_c",
            view_c,
            f"must differ from data.view_a = {self.data.view_a!r} and data.view_b = {self.data.view_b!r}.",
        )
        if self.method.pairing == "single":
            kind = self.data.degrade.kind
            reason = f"method.name = {self.method.name!r} learns from one view as it is, without an input to degrade."
            require(not self.data.is_degraded, "data.degrade.kind", kind, f"{reason} Use none.")
            return
        require(
            self.data.view_a != self.data.view_b or self.data.is_degraded,
            "data.view_b",
            self.data.view_b,
            f"must differ from data.view_a: method.name = {self.method.name!r} translates one view to another; "
            "or set data.degrade.kind, to make the input of the view itself.",
        )

    def _check_batch(self) -> None:
        least = self.method.smallest_batch
        require(
            self.train.batch_size_per_gpu >= least,
            "train.batch_size_per_gpu",
            self.train.batch_size_per_gpu,
            f"method.name = {self.method.name!r} normalises over the images of a rank's batch; use {least} or more.",
        )

    def _check_engine(self) -> None:
        require(
            not (self.engine.zero_stage == 3 and self.method.differentiates_gradients),
            "engine.zero_stage",
            self.engine.zero_stage,
            "has released the weights when a gradient penalty or R1 needs them a second time; use zero_stage 0 to 2, "
            "or set the method's weight_gradient_penalty and weight_r1 to 0.",
        )
        require(
            not (self.engine.compile != "off" and self.method.differentiates_gradients),
            "engine.compile",
            self.engine.compile,
            "has no second derivative, which a gradient penalty or R1 needs; use off, or set the method's "
            "weight_gradient_penalty and weight_r1 to 0.",
        )
        algorithms = {self.optimizer.of(player).algorithm for player in self.method.players or ("",)}
        require(
            not (self.engine.zero_stage == 3 and "adagrad" in algorithms),
            "engine.zero_stage",
            self.engine.zero_stage,
            "makes Adagrad anew in a form that no other number of ranks can take up; use zero_stage 0 to 2, or another "
            "optimizer.algorithm.",
        )

    def _check_critics(self) -> None:
        if not self.method.clips_weights or self.optimizer.clipped_momentum:
            return
        for player in self.method.discriminators or ("",):
            own = self.optimizer.players.get(player)
            require(
                not self.optimizer.of(player).has_momentum(),
                "optimizer.beta1" if own is None or own.beta1 is None else f"optimizer.players.{player}.beta1",
                self.optimizer.of(player).beta1,
                "momentum makes critics with clipped weights unstable; use beta1 = 0 or algorithm = 'rmsprop', bound "
                "the critic by the method's weight_gradient_penalty in place of weight_clip, or set "
                "optimizer.clipped_momentum.",
            )

    def check_hardware(self, num_gpus: int) -> None:
        """Reject a device or precision that this machine does not have."""
        require(
            not (self.engine.device == "cuda" and num_gpus == 0),
            "engine.device",
            self.engine.device,
            "this machine shows no CUDA device; use auto or cpu.",
        )
        require(
            not (self.engine.precision == "fp16" and num_gpus == 0),
            "engine.precision",
            self.engine.precision,
            "needs a GPU: it is slower than fp32 on the CPU and less exact; use bf16 or fp32.",
        )
        if num_gpus == 0:
            self.engine.require_device("cpu", within="engine.")


def config_to_dict(config: RunConfig) -> dict[str, Any]:
    """The configuration as plain JSON values; `config_from_dict` is its inverse."""
    return adapter_of(RunConfig).dump_python(config, mode="json")


def config_from_dict(values: dict[str, Any]) -> RunConfig:
    """Raises ConfigError naming the first field that is unknown, missing or impossible."""
    return read_values(RunConfig, values)


def changed(config: RunConfig, *, since: RunConfig) -> dict[str, Any]:
    """What must be applied to `since` to make it `config`: values by dotted paths, e.g. `train.total_kimg`."""
    before = flatten(config_to_dict(since))
    after = flatten(config_to_dict(config))
    return {path: value for path, value in after.items() if path not in before or value != before[path]}


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested sections -> dotted paths of the fields in them."""
    fields: dict[str, Any] = {}
    for name, value in values.items():
        fields |= flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return fields

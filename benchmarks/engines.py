"""The method and the engine of a benchmark's case, as a run would have them."""

import torch

from benchmarks.cases import Case
from trainer.config.engine import EngineConfig
from trainer.config.method import Task
from trainer.config.optimizer import OptimizerConfig
from trainer.engine.engine import Engine
from trainer.methods.base import Method
from trainer.methods.registry import build_method
from trainer.ranks.world import World

FLOAT32 = EngineConfig(precision="fp32", device="cpu")


def make_method(case: Case) -> Method:
    """Its players, with the same first weights each time."""
    torch.manual_seed(0)
    return build_method(case.config(), Task(channels_a=3, channels_b=3, side=case.side))


def make_engine(case: Case, config: EngineConfig, world: World) -> Engine:
    """An engine that trains them."""
    return Engine(
        make_method(case),
        config=config,
        optimizer=OptimizerConfig(),
        batch_size_per_gpu=case.batch_size,
        world=world,
    )

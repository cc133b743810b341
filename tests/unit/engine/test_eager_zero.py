"""What DeepSpeed marks for the compiler runs unmarked where nothing is compiled, and is marked again where it is."""

import sys

import torch

from trainer.engine.eager_zero import eager_zero


def test_marks_are_left_out_and_made_again() -> None:
    compile_, disable = torch.compile, torch.compiler.disable
    with eager_zero(is_eager=True):
        coordinator = sys.modules["deepspeed.runtime.zero.partitioned_param_coordinator"]
        function = coordinator.PartitionedParameterCoordinator.fetch_sub_module.__wrapped__
        assert vars(function)["__dynamo_disable"] is function
    assert (torch.compile, torch.compiler.disable) == (compile_, disable)
    with eager_zero(is_eager=False):
        assert "__dynamo_disable" not in vars(function)
        assert (torch.compile, torch.compiler.disable) == (compile_, disable)

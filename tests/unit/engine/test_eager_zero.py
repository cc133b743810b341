"""What DeepSpeed marks for the compiler runs unmarked where nothing is compiled, and is marked again where it is."""

import torch
from deepspeed.runtime.zero.partitioned_param_coordinator import PartitionedParameterCoordinator

from trainer.engine.eager_zero import eager_zero


def test_marks_are_left_out_and_made_again() -> None:
    function = PartitionedParameterCoordinator.fetch_sub_module.__wrapped__
    compile_, disable = torch.compile, torch.compiler.disable
    with eager_zero(is_eager=True):
        assert getattr(function, "__dynamo_disable") is function
    assert (torch.compile, torch.compiler.disable) == (compile_, disable)
    with eager_zero(is_eager=False):
        assert not hasattr(function, "__dynamo_disable")
        assert (torch.compile, torch.compiler.disable) == (compile_, disable)

"""DDP without torch's compiler: it reduces, and nothing of the compiler is loaded."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

STEP = """
import sys
import torch
from torch import distributed, nn
from trainer.engine.eager_ddp import EagerDDP

distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
heard = []

def doubled(state, bucket):
    heard.append(bucket.buffer().numel())
    return torch.futures.collect_all([]).then(lambda _: bucket.buffer() * 2)

def gradients(network):
    network(torch.ones(4, 3)).square().sum().backward()
    return [parameter.grad for parameter in network.parameters()]

plain = nn.Linear(3, 2)
wrapped = EagerDDP(nn.Linear(3, 2), forward_sync_buffers=False, bucket_cap_mb=1)
wrapped.module.load_state_dict(plain.state_dict())
wrapped.register_comm_hook(None, doubled)
same = all(torch.equal(2 * one, other) for one, other in zip(gradients(plain), gradients(wrapped), strict=True))
print(same, heard, wrapped._active_ddp_module, sorted({"torch._dynamo", "sympy"} & {*sys.modules}))
print("_dynamo" in vars(torch))
"""


def test_gradients_are_reduced_and_the_compiler_is_not_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", STEP], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["True [8] None []", "False"], done.stderr

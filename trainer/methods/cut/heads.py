"""The heads of CUT (Park et al. 2020, arXiv:2007.15651, section 3): one for each layer whose patches are compared."""

from collections.abc import Sequence

from torch import Tensor, nn

from trainer.networks.layers import init_network


class Heads(nn.Module):
    """H_l: of each layer a network of two layers, C_l -> code_size -> code_size, for each patch by itself.

    Made whole before any image comes, unlike the authors', since the generator's section says how many channels its
    layers have: optimizers, checkpoints and all ranks see them from the start.

    Shape: for each layer (N, S, C_l) -> (N, S, code_size).
    """

    def __init__(self, channels: Sequence[int], *, code_size: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, code_size), nn.ReLU(), nn.Linear(code_size, code_size)) for width in channels
        )
        init_network(self, norm="batch")  # as before a norm: of codes the direction alone counts

    def forward(self, *patches: Tensor) -> tuple[Tensor, ...]:
        """Codes of patches, layer by layer; of no particular length."""
        return tuple(head(layer) for head, layer in zip(self.heads, patches, strict=True))

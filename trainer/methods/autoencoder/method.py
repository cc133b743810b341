"""The auto-encoder (Hinton & Salakhutdinov 2006, Science 313), of convolutions: features learnt without labels."""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.methods.autoencoder.config import AutoencoderConfig
from trainer.methods.base import Method, Networks, Player
from trainer.networks.conv_decoder import ConvDecoder
from trainer.networks.conv_encoder import ConvEncoder


def build(config: AutoencoderConfig, task: Task) -> Method:
    """See `Autoencoder`; `trainer.methods.registry` calls this."""
    return Autoencoder(config, task)


class Autoencoder(Method):
    """min |x - Dec(Enc(x))| or min (x - Dec(Enc(x)))^2; x is view b."""

    def __init__(self, config: AutoencoderConfig, task: Task) -> None:
        self.config = config
        channels, side, size = task.channels_b, task.side, config.code_size
        networks = {
            "encoder": ConvEncoder(config.encoder, in_channels=channels, side=side, out_features=size),
            "decoder": ConvDecoder(config.decoder, in_features=size, side=side, out_channels=channels),
        }
        self.players = {"autoencoder": Player(networks=nn.ModuleDict(networks))}
        self.averaged = ("encoder", "decoder")

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Dec(Enc(x))."""
        return {"reconstruction": self.translate(networks, batch.b)}

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The mean error of a pixel, absolute or squared."""
        distance = F.l1_loss if self.config.distance == "l1" else F.mse_loss
        return {self.config.distance: distance(fakes["reconstruction"], batch.b)}

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Image and reconstruction."""
        return {"input": batch.b, "reconstruction": self.translate(networks, batch.b)}

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        """The reconstruction, Dec(Enc(x))."""
        return self.decode(networks, self.encode(networks, image))

    def encode(self, networks: Networks, image: Tensor) -> Tensor:
        """Enc(x): (N, code_size)."""
        return networks["encoder"](image)

    def decode(self, networks: Networks, code: Tensor) -> Tensor:
        """Dec(z)."""
        return networks["decoder"](code)

"""Networks whose weights have the names and the order of pytorch-CycleGAN-and-pix2pix, to be imported."""

import torch
from torch import Tensor, nn


def norm_of(kind: str, channels: int) -> nn.Module:
    """Its instance norms have neither weights nor statistics."""
    return {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}.get(kind, lambda _: nn.Identity())(channels)


class Level(nn.Module):
    """A level of its U-Net, with all deeper ones inside."""

    def __init__(self, layers: list[nn.Module], *, is_outermost: bool = False) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)
        self.is_outermost = is_outermost

    def forward(self, image: Tensor) -> Tensor:
        made = self.model(image)
        return made if self.is_outermost else torch.cat([nn.functional.leaky_relu(image, 0.2), made], 1)


class Whole(nn.Module):
    """What all its generators are: something called `model`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        return self.model(image)


def their_unet(*, num_downs: int, width: int, norm: str, channels: tuple[int, int] = (3, 3)) -> nn.Module:
    """`unet_256` has 8 levels, `unet_128` 7."""
    bias = norm == "instance"
    widths = [width * min(2**level, 8) for level in range(num_downs)]
    inner: nn.Module | None = None
    for level in reversed(range(1, num_downs)):
        outer, own = widths[level - 1], widths[level]
        down: list[nn.Module] = [nn.LeakyReLU(0.2), nn.Conv2d(outer, own, 4, 2, 1, bias=bias)]
        up = [nn.ReLU(), nn.ConvTranspose2d(own if inner is None else 2 * own, outer, 4, 2, 1, bias=bias)]
        middle = [] if inner is None else [norm_of(norm, own), inner]
        inner = Level([*down, *middle, *up, norm_of(norm, outer)])
    assert inner is not None
    first = nn.Conv2d(channels[0], width, 4, 2, 1, bias=bias)
    last = nn.ConvTranspose2d(2 * width, channels[1], 4, 2, 1)
    return Whole(Level([first, inner, nn.ReLU(), last, nn.Tanh()], is_outermost=True))


class Residue(nn.Module):
    def __init__(self, width: int, *, norm: str, has_dropout: bool) -> None:
        super().__init__()
        bias = norm == "instance"
        drop = [nn.Dropout(0.5)] if has_dropout else []
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3, bias=bias),
            norm_of(norm, width),
            nn.ReLU(),
            *drop,
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3, bias=bias),
            norm_of(norm, width),
        )

    def forward(self, features: Tensor) -> Tensor:
        return features + self.conv_block(features)


def their_resnet(*, num_blocks: int, width: int, norm: str, has_dropout: bool = False) -> nn.Module:
    """`resnet_9blocks` and `resnet_6blocks`."""
    bias = norm == "instance"
    layers: list[nn.Module] = [
        nn.ReflectionPad2d(3),
        nn.Conv2d(3, width, 7, bias=bias),
        norm_of(norm, width),
        nn.ReLU(),
    ]
    for times in (1, 2):
        conv = nn.Conv2d(width * times, 2 * width * times, 3, 2, 1, bias=bias)
        layers += [conv, norm_of(norm, 2 * width * times), nn.ReLU()]
    layers += [Residue(4 * width, norm=norm, has_dropout=has_dropout) for _ in range(num_blocks)]
    for times in (4, 2):
        up = nn.ConvTranspose2d(width * times, width * times // 2, 3, 2, 1, output_padding=1, bias=bias)
        layers += [up, norm_of(norm, width * times // 2), nn.ReLU()]
    return Whole(nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()))


def stir(network: nn.Module) -> nn.Module:
    """Weights, and statistics of batch norms, unlike those that networks begin with."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.randn_like(tensor) * 0.2 + (1.0 if name.endswith("running_var") else 0.0))
                tensor.abs_() if name.endswith("running_var") else None
    return network.eval()

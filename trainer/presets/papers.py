"""The papers' own settings at their own sizes: optimizer, rates, batch, schedule and length, at 256, 128 or 64 px, for
one GPU. Not yet run: hours to days each. They begin with their method's recipe (`docs/methods.md`), and keep no moving
average of weights, which is ours. Lengths are the papers' or those of their authors' code; DiscoGAN's is ours.

Each expects a data set in `data/`, made by one command:

- `papers-pix2pix-facades`, `papers-dualgan-facades` (the same, out of order):
  `diptych shard pairs --folder DIR --view-left photo --view-right labels --size 286 --out data/facades`.
- `papers-cyclegan-horse2zebra`: `diptych shard unpaired --a DIR --b DIR --size 286 --out data/horse2zebra`; likewise
  `papers-discogan-edges2handbags` with `--size 64` in `data/edges2handbags`, and `papers-cogan-faces` with `--size 128`
  in `data/cogan-faces` (without and with an attribute).
- `papers-dcgan-faces`, `papers-vaegan-celeba`, `papers-bigan-imagenet`:
  `diptych shard images --folder DIR --view photo --size 64 --out data/NAME` with NAME faces-64, celeba-64, imagenet-64.
- `papers-caae-utkface`: `data/faces`, as `photos-age` has it.
- `papers-pix2pix-maps`, `-edges2shoes`, `-edges2handbags`, `-night2day`, and those of `papers-cyclegan-` but for
  `horse2zebra`: `diptych fetch maps` (edges2shoes, ...), which can be had of facades and horse2zebra as well.

Command: `diptych train papers-pix2pix-facades`.
"""

from dataclasses import replace
from pathlib import Path

from trainer.config.checkpoint import CheckpointConfig
from trainer.config.data import DataConfig
from trainer.config.evaluate import EvaluateConfig
from trainer.config.latent import DecoderConfig, DiscriminatorConfig, EncoderConfig
from trainer.config.log import LogConfig
from trainer.config.method import MethodConfig
from trainer.config.samples import SamplesConfig
from trainer.config.train import TrainConfig
from trainer.methods.bigan.config import BiGANConfig
from trainer.methods.caae.config import CAAEConfig
from trainer.methods.cogan.config import CoGANConfig
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.methods.discogan.config import DiscoGANConfig
from trainer.methods.dualgan.config import DualGANConfig
from trainer.methods.gan.config import GANConfig
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.vaegan.config import VAEGANConfig
from trainer.runs.config import RunConfig

TASKS = {
    "pix2pix-facades": "labels of facades -> photo",
    "pix2pix-maps": "map -> aerial photo",
    "pix2pix-edges2shoes": "edges -> photo of shoes",
    "pix2pix-edges2handbags": "edges -> photo of handbags",
    "pix2pix-night2day": "places by night -> by day",
    "dualgan-facades": "labels of facades <-> photos, out of order",
    "cyclegan-horse2zebra": "horses <-> zebras",
    "cyclegan-apple2orange": "apples <-> oranges",
    "cyclegan-summer2winter": "summer <-> winter",
    "cyclegan-monet2photo": "Monet's paintings <-> photos",
    "cyclegan-cezanne2photo": "Cezanne's paintings <-> photos",
    "cyclegan-ukiyoe2photo": "ukiyo-e <-> photos",
    "cyclegan-vangogh2photo": "Van Gogh's paintings <-> photos",
    "cyclegan-iphone2dslr": "flowers by telephone <-> by camera",
    "discogan-edges2handbags": "edges <-> handbags",
    "cogan-faces": "faces without -> with an attribute",
    "dcgan-faces": "new faces from noise",
    "vaegan-celeba": "faces as codes, and from codes",
    "bigan-imagenet": "photos as codes, and from codes",
    "caae-utkface": "faces at another age",
}


def paper(method: MethodConfig, data: DataConfig, *, total_kimg: float, batch_size: int | None = None) -> RunConfig:
    """A method's recipe, on one rank: with N ranks divide `train.batch_size_per_gpu` by N."""
    batch_size = batch_size or method.recipe.batch_size
    return RunConfig(
        method=method,
        data=data,
        train=TrainConfig(total_kimg=total_kimg, batch_size_per_gpu=batch_size, ema_half_life_kimg=0),
        optimizer=method.recipe.optimizer,
        log=LogConfig(period_kimg=total_kimg / 1000),
        samples=SamplesConfig(period_kimg=total_kimg / 50),
        evaluate=EvaluateConfig(period_kimg=total_kimg / 10),
        checkpoint=CheckpointConfig(period_kimg=total_kimg / 20),
    )


def two(name: str, *, load_size: int, crop_size: int, view_a: str = "a", view_b: str = "b") -> DataConfig:
    """Two views, of pairs or not."""
    return DataConfig(path=Path("data") / name, view_a=view_a, view_b=view_b, load_size=load_size, crop_size=crop_size)


def one(name: str, *, side: int, label: str | None = None) -> DataConfig:
    """Photos, whole."""
    return DataConfig(
        path=Path("data") / name, view_a="photo", view_b="photo", label=label, load_size=side, crop_size=side
    )


def presets() -> dict[str, RunConfig]:
    facades = two("facades", load_size=286, crop_size=256, view_a="labels", view_b="photo")
    horses = two("horse2zebra", load_size=286, crop_size=256)
    handbags = two("edges2handbags", load_size=64, crop_size=64)
    faces = two("cogan-faces", load_size=128, crop_size=128)
    discogan = DiscoGANConfig(curriculum_kimg=640, feature_share=0.9)
    vaegan = VAEGANConfig(
        encoder=EncoderConfig(kernel_size=5),
        decoder=DecoderConfig(kernel_size=5),
        discriminator=DiscriminatorConfig(kernel_size=5),
    )
    return {
        **_fetched(),
        "pix2pix-facades": paper(Pix2PixConfig(), facades, total_kimg=80),  # 200 epochs of 400
        "dualgan-facades": paper(DualGANConfig(), facades, total_kimg=20),  # 50 epochs
        "cyclegan-horse2zebra": paper(CycleGANConfig(), horses, total_kimg=267),  # 200 epochs of 1334
        "discogan-edges2handbags": paper(discogan, handbags, total_kimg=3000),
        "cogan-faces": paper(CoGANConfig(), faces, total_kimg=12_800),  # 100,000 steps
        "dcgan-faces": paper(GANConfig(), one("faces-64", side=64), total_kimg=8750),  # 25 epochs of 350,000
        "vaegan-celeba": paper(vaegan, one("celeba-64", side=64), total_kimg=4000),  # 62,500 steps
        "bigan-imagenet": paper(BiGANConfig(), one("imagenet-64", side=64), total_kimg=512_000),  # 400 epochs
        "caae-utkface": paper(CAAEConfig(), one("faces", side=128, label="age"), total_kimg=1185),  # 50 of 23,708
    }


def _fetched() -> dict[str, RunConfig]:
    """Those of `diptych fetch`: pix2pix' lengths are its paper's (6.2), CycleGAN's 200 epochs of the larger view."""
    edges = {"load_size": 256, "crop_size": 256, "view_a": "edges", "view_b": "photo"}
    shoes, bags = (replace(two(name, **edges), flip=False) for name in ("edges2shoes", "edges2handbags"))
    maps = two("maps", load_size=286, crop_size=256, view_a="map", view_b="photo")
    night = two("night2day", load_size=286, crop_size=256)
    largest = {
        "apple2orange": 1019,
        "summer2winter_yosemite": 1231,
        "monet2photo": 6287,
        "cezanne2photo": 6287,
        "ukiyoe2photo": 6287,
        "vangogh2photo": 6287,
        "iphone2dslr_flower": 3325,
    }
    return {
        "pix2pix-maps": paper(Pix2PixConfig(), maps, total_kimg=219),  # 200 epochs of 1096
        "pix2pix-edges2shoes": paper(Pix2PixConfig(), shoes, total_kimg=747, batch_size=4),  # 15 of 49,825
        "pix2pix-edges2handbags": paper(Pix2PixConfig(), bags, total_kimg=2079, batch_size=4),  # 15 of 138,567
        "pix2pix-night2day": paper(Pix2PixConfig(), night, total_kimg=303, batch_size=4),  # 17 of 17,823
        **{
            f"cyclegan-{name.partition('_')[0]}": paper(
                CycleGANConfig(), two(name, load_size=286, crop_size=256), total_kimg=round(number / 5)
            )
            for name, number in largest.items()
        },
    }

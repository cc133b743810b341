"""The comparison tables of the papers that the survey rests on: their rows as presets, and the figures they printed.

The papers' figures are on Cityscapes at 256 or 512 px, ours on the embedded earth set, at 64 px and within minutes, or
on pairs of the user's: compare the order of rows, not numbers. Absent classes count 0, as in the papers. Tables that
`makes` something are trained on data of the user's alone: labels -> photo scored by a segmentation network, or
photo -> labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from trainer.config.encoders import EncoderName
from trainer.config.errors import ConfigError
from trainer.evaluation.scores import find_key, heading_of

PAPER_SCORES = ("per-pixel accuracy", "per-class accuracy", "class IoU")
"""Columns of the papers' tables."""

CLASS_SCORES = {
    "per-pixel accuracy": "eval/pixel_accuracy",
    "per-class accuracy": "eval/class_accuracy_absent_as_zero",
    "class IoU": "eval/miou_absent_as_zero",
    heading_of("eval/psnr"): "eval/psnr",
}
"""Column of a table, the first three as the papers call them -> the score of a run."""

FCN_SCORES = {
    "per-pixel accuracy": "eval/fcn_pixel_accuracy",
    "per-class accuracy": "eval/fcn_class_accuracy_absent_as_zero",
    "class IoU": "eval/fcn_miou_absent_as_zero",
    heading_of("eval/psnr"): "eval/psnr",
}
"""The papers' own, of photos that were made of labels."""

PIXEL_SCORES = {heading_of(key): key for key in ("eval/psnr", "eval/ssim", "eval/back_psnr", "eval/round_trip_psnr")}

ENCODER: EncoderName = "efficientnet-lite0"
"""By whose features images of the user's are compared where they show no classes: it comes with the installation."""

IMAGE_SCORES = {
    heading_of(key): key for key in ("eval/psnr", "eval/ssim", f"eval/stage_distance/{ENCODER}", f"eval/kid/{ENCODER}")
}
"""Of targets without classes: against the truth, and against all targets as a set."""

SET_SCORES = {heading_of(key): key for key in (f"eval/fd/{ENCODER}", f"eval/kid/{ENCODER}", "eval/round_trip_psnr")}
"""Where no truth is known: against all targets as a set, and back again."""


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """One line of a table."""

    title: str
    """As the paper calls it."""
    preset: str
    paper: Sequence[float] = ()
    """The paper's figures in the order of `PAPER_SCORES`; empty for rows of our own."""
    method: Mapping[str, float] = field(default_factory=dict)
    """Settings of the preset's method that the row has otherwise on data of the user's."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Runs that differ in one thing."""

    title: str
    source: str
    rows: Sequence[PaperRow]
    scores: Mapping[str, str] = field(default_factory=lambda: CLASS_SCORES)
    """Of our runs."""
    makes: Literal["photos", "labels"] | None = None
    """What rows learn to make of the other, on data of the user's; None: whatever the preset or the user says."""
    truth: Sequence[float] = ()
    """The paper's figures of real photos, the ceiling; empty if rows make no photos."""

    @property
    def by_fcn(self) -> bool:
        """Whether a segmentation network judges the rows."""
        return self.makes == "photos"

    @property
    def encoders(self) -> set[str]:
        """By whose features images are compared."""
        return {row.encoder for row in map(find_key, self.scores.values()) if row.encoder}

    @property
    def units(self) -> list[str]:
        """`PSNR in dB`, ... of the scores that have one."""
        rows = [find_key(key) for key in self.scores.values()]
        return list(dict.fromkeys(f"{row.title.split(', ')[0]} in {row.unit}" for row in rows if row.unit))


def _row(title: str, preset: str, *paper: float, **method: float) -> PaperRow:
    return PaperRow(title=title, preset=preset, paper=paper, method=method)


_QUICK_SEARCH = {"num_restarts": 1, "num_inversion_steps": 50}
"""Of 24 images at 32 px two searches of 200 steps gave 10.25 dB, one of 50, in an eighth of the time, 10.15."""

TABLES: Mapping[str, Table] = {
    "pix2pix-losses": Table(
        title="Losses of pix2pix",
        source="Isola et al. 2017 (arXiv:1611.07004), table 1: FCN scores, Cityscapes labels -> photo",
        rows=[
            _row("L1", "pix2pix-losses-l1", 0.42, 0.15, 0.11),
            _row("GAN", "pix2pix-losses-gan", 0.22, 0.05, 0.01),
            _row("cGAN", "pix2pix-losses-cgan", 0.57, 0.22, 0.16),
            _row("L1+GAN", "pix2pix-losses-l1-gan", 0.64, 0.20, 0.15),
            _row("L1+cGAN", "pix2pix-losses-l1-cgan", 0.66, 0.23, 0.17),
        ],
    ),
    "pix2pix-generators": Table(
        title="Generators of pix2pix",
        source="Isola et al. 2017, table 2: FCN scores, Cityscapes labels -> photo",
        rows=[
            _row("Encoder-decoder (L1)", "pix2pix-generators-encoder-decoder-l1", 0.35, 0.12, 0.08),
            _row("Encoder-decoder (L1+cGAN)", "pix2pix-generators-encoder-decoder-l1-cgan", 0.29, 0.09, 0.05),
            _row("U-net (L1)", "pix2pix-generators-unet-l1", 0.48, 0.18, 0.13),
            _row("U-net (L1+cGAN)", "pix2pix-generators-unet-l1-cgan", 0.55, 0.20, 0.14),
            _row("U-net, skips added", "pix2pix-generators-unet-add-l1-cgan"),
            _row("U-net, dense skips", "pix2pix-generators-unet-dense-l1-cgan"),
            _row("ResNet", "pix2pix-generators-resnet-l1-cgan"),
        ],
    ),
    "pix2pix-patches": Table(
        title="Receptive field of pix2pix's discriminator",
        source="Isola et al. 2017, table 3: FCN scores, Cityscapes labels -> photo",
        rows=[
            _row("1x1", "pix2pix-patches-1", 0.39, 0.15, 0.10),
            _row("16x16", "pix2pix-patches-16", 0.65, 0.21, 0.17),
            _row("70x70", "pix2pix-patches-70", 0.66, 0.23, 0.17),
            _row("286x286", "pix2pix-patches-286", 0.42, 0.16, 0.11),
        ],
    ),
    "unpaired": Table(
        title="Translation without pairs",
        source="Zhu et al. 2017 (arXiv:1703.10593), table 3: Cityscapes photo -> labels",
        rows=[
            _row("CoGAN", "unpaired-cogan", 0.45, 0.11, 0.08, **_QUICK_SEARCH),
            _row("BiGAN/ALI", "unpaired-bigan", 0.41, 0.13, 0.07),
            _row("SimGAN (pixel loss + GAN)", "unpaired-pixel-gan", 0.47, 0.11, 0.07),
            _row("Feature loss + GAN", "unpaired-feature-gan", 0.50, 0.10, 0.06),
            _row("CycleGAN", "unpaired-cyclegan", 0.58, 0.22, 0.16),
            _row("CycleGAN (ResNet)", "unpaired-cyclegan-resnet", 0.58, 0.22, 0.16),
            _row("DualGAN", "unpaired-dualgan"),
            _row("DiscoGAN", "unpaired-discogan"),
            _row("CUT", "unpaired-cut"),
            _row("FastCUT", "unpaired-fastcut"),
            _row("pix2pix (paired)", "unpaired-pix2pix", 0.85, 0.40, 0.32),
        ],
        scores=PIXEL_SCORES,
    ),
    "cityscapes-losses": Table(
        title="Losses of pix2pix, labels -> photo",
        source="Isola et al. 2017, the survey's figures: FCN scores, Cityscapes labels -> photo",
        rows=[
            _row("L1", "pix2pix-losses-l1", 0.44, 0.14, 0.10),
            _row("GAN", "pix2pix-losses-gan", 0.22, 0.05, 0.01),
            _row("cGAN", "pix2pix-losses-cgan", 0.61, 0.21, 0.16),
            _row("L1+GAN", "pix2pix-losses-l1-gan", 0.64, 0.19, 0.15),
            _row("L1+cGAN", "pix2pix-losses-l1-cgan", 0.63, 0.21, 0.16),
        ],
        scores=FCN_SCORES,
        makes="photos",
        truth=(0.80, 0.26, 0.21),
    ),
    "cityscapes-unpaired": Table(
        title="Translation without pairs, labels -> photo",
        source="Zhu et al. 2017, table 2: FCN scores, Cityscapes labels -> photo",
        rows=[
            _row("CoGAN", "unpaired-cogan", 0.40, 0.10, 0.06, **_QUICK_SEARCH),
            _row("BiGAN/ALI", "unpaired-bigan", 0.19, 0.06, 0.02),
            _row("Pixel loss + GAN", "unpaired-pixel-gan", 0.20, 0.10, 0.0),
            _row("Feature loss + GAN", "unpaired-feature-gan", 0.07, 0.04, 0.01),
            _row("CycleGAN", "unpaired-cyclegan", 0.52, 0.17, 0.11),
            _row("pix2pix (paired)", "unpaired-pix2pix", 0.71, 0.25, 0.18),
        ],
        scores=FCN_SCORES,
        makes="photos",
        truth=(0.80, 0.26, 0.21),
    ),
    "facades-labels": Table(
        title="DualGAN, photo -> labels",
        source="Yi et al. 2017 (arXiv:1704.02510): segmentation accuracy, facades -> labels",
        rows=[
            _row("DualGAN", "unpaired-dualgan", 0.27, 0.13, 0.06),
            _row("cGAN (paired)", "unpaired-pix2pix", 0.54, 0.33, 0.19),
            _row("GAN", "unpaired-pixel-gan", 0.22, 0.10, 0.05, weight_pixel=0),
        ],
        makes="labels",
    ),
}


def find_table(name: str) -> Table:
    """Raises ConfigError with the names that there are."""
    if name not in TABLES:
        raise ConfigError("table", name, f"there are: {', '.join(TABLES)}.")
    return TABLES[name]

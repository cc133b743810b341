"""The survey's applications on a user's own photos, 128 px, one GPU; each was run smaller and shorter than it is here.

Small and short (64 px, narrower networks, 0.6 to 40 kimg) on two busy cores: -aerial2map 23.34 dB in
208 s (mean image 22.11), -map2aerial 17.89 in 189 s (18.36), -edges2photo 13.35 in 140 s (13.89; shoes 13.18 in 152 s,
10.75), -sketch2photo 18.87 in 175 s (12.20), -street-labels2photo 16.76 in 193 s (15.65), -street-photo2labels pixel
accuracy 0.673 in 9 min (commonest class 0.616); there and back -object-transfer 20.84 dB in 20 min, -season 16.32 in
3 min, -day2night 19.70 in 6 min, -painting-style 20.20 in 6 min, -from-paintings 22.32 in 4 min;
-object-transfer-fastcut in 5 min, looked at; -glasses read in 0.41 of the faces that got them in 7 min (0.10 before),
-hair in 1.00 (0.00) in 10 min, -smile in 0.26 (0.19) in 9 min; -age the wanted group
read in 0.22 in 29 min (chance 0.10), -gender the wanted one read in 0.76 in 8 min (chance 0.50). Flags, data and what
the pictures show are in `docs/methods.md`. Those of -aerial2map and -street-labels2photo are of the presets as they
were: now, at 128 px with 32 filters after 13.2 kimg on one thread of an Intel Xeon with AMX, the one has 24.8 dB for
23.1 (946 pairs; 18 min), the other FCN accuracy 0.824 for 0.811 and class IoU 0.241 for 0.235 (1000 of Cityscapes; 24
min, busy).

Each expects a data set in `data/`, made by one command:

- `photos-object-transfer`, `photos-season`, `photos-day2night`, `photos-painting-style`, `photos-from-paintings`,
  `photos-glasses`, `photos-smile`, `photos-hair`: CycleGAN between two folders that need not correspond:
  `diptych shard unpaired --a DIR --b DIR --size 143 --out data/NAME` with NAME object-transfer (e.g. apples, oranges),
  season (summer, winter), day2night, painting-style (photos, paintings), from-paintings (paintings, photos), or, of
  faces, glasses (without, with), smile (without, with), hair (e.g. black, blond).
  `photos-object-transfer-fastcut`: FastCUT on the same data, one way, in about a third of the time.
- `photos-edges2photo`: pix2pix from edges, drawn while sharding:
  `diptych shard images --folder DIR --view photo --edges photo --size 143 --out data/edges2photo`; or of pairs A|B,
  `diptych shard pairs --folder DIR --view-left edges --view-right photo --size 143 --out data/edges2photo`.
- `photos-sketch2photo`: pix2pix from artists' sketches, on pairs A|B:
  `diptych shard pairs --folder DIR --view-left sketch --view-right photo --size 143 --out data/sketch2photo`.
- `photos-street-labels2photo`, `photos-street-photo2labels`: pix2pix on photos and class numbers with a palette, as
  those of Cityscapes (19 names, road to bicycle), in two folders:
  `diptych shard folders --a DIR/{split}/photo --b DIR/{split}/label --view-a photo --view-b label --classes-view label
  --classes road,sidewalk,... --size 143 --out data/street`.
- `photos-aerial2map`, `photos-map2aerial`: pix2pix on pairs A|B as those of the pix2pix site:
  `diptych shard pairs --folder DIR --view-left aerial --view-right map --size 143 --out data/maps`.
- `photos-age`, `photos-gender`: CAAE over ten age groups, and a VAE/GAN whose attribute vectors change the gender (or
  another label of the set: `--data.label`), on faces named as in UTKFace:
  `diptych shard images --folder DIR --view photo --labels utkface --size 128 --out data/faces`.

  `photos-age --method.second-label gender` keeps the gender as the authors' code does, with
  `diptych translate ... --own-labels gender=female`.

Command: `diptych train photos-season`; then `diptych translate RUN --in DIR --out DIR`, with faces `--label 61-70` or
`--label female`.
"""

from dataclasses import replace
from pathlib import Path

from trainer.config.adversarial import AdversarialConfig
from trainer.config.checkpoint import CheckpointConfig
from trainer.config.data import DataConfig
from trainer.config.evaluate import EvaluateConfig
from trainer.config.log import LogConfig
from trainer.config.method import MethodConfig
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.samples import SamplesConfig
from trainer.config.train import TrainConfig
from trainer.methods.caae.config import CAAEConfig
from trainer.methods.cut.config import CUTConfig, cut_generator
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.vaegan.config import VAEGANConfig
from trainer.runs.config import RunConfig

UNPAIRED = ("object-transfer", "season", "day2night", "painting-style", "from-paintings", "glasses", "smile", "hair")

TASKS = {
    "object-transfer": "one object <-> another, e.g. apples <-> oranges",
    "season": "summer <-> winter",
    "day2night": "day <-> night",
    "painting-style": "photos <-> paintings",
    "from-paintings": "paintings <-> photos",
    "glasses": "faces without <-> with glasses",
    "smile": "faces without <-> with a smile",
    "hair": "faces with hair of one colour <-> of another",
    "object-transfer-fastcut": "one object -> another, e.g. apples -> oranges",
    "street-labels2photo": "classes of a street's pixels -> photo",
    "street-photo2labels": "photo of a street -> classes of its pixels",
    "age": "faces at another age",
    "gender": "faces of the other gender, or with another attribute",
}


def run(method: MethodConfig, data: DataConfig, *, total_kimg: float, batch_size_per_gpu: int) -> RunConfig:
    """Adam as in the papers; batches, CAAE's and pix2pix's falling rate, and moving averages are ours."""
    return RunConfig(
        method=method,
        data=data,
        train=TrainConfig(total_kimg=total_kimg, batch_size_per_gpu=batch_size_per_gpu, ema_half_life_kimg=5),
        optimizer=OptimizerConfig(),
        log=LogConfig(period_kimg=1),
        samples=SamplesConfig(period_kimg=10),
        evaluate=EvaluateConfig(period_kimg=50),
        checkpoint=CheckpointConfig(period_kimg=20),
    )


def views(method: MethodConfig, name: str, view_a: str, view_b: str) -> RunConfig:
    """From view to view of `data/NAME`, 128 px."""
    data = DataConfig(path=Path("data") / name, view_a=view_a, view_b=view_b)
    return run(method, data, total_kimg=200, batch_size_per_gpu=4)


def structured(pix2pix: Pix2PixConfig, name: str, view_a: str, view_b: str) -> RunConfig:
    """As `views`, with a loss of structure and what else made faint lines and small objects appear sooner.

    Measured at an equal number of images: docs/log.md, "where a loss of structure makes streets begin" for maps, and
    "labels -> photo by the recipe of maps".
    """
    generator = replace(pix2pix.generator, num_downs=5, upsampling="bilinear", dropout=0.0)
    method = replace(pix2pix, generator=generator, weight_gan=0.3, weight_structure=10.0)
    optimizer = OptimizerConfig(lr=5e-4, discriminator_lr_factor=0.4, schedule="cosine", decay_start=0.25)
    return replace(views(method, name, view_a, view_b), optimizer=optimizer)


def faces(method: MethodConfig, *, label: str) -> RunConfig:
    """The settings of `data/faces`, 128 px."""
    data = DataConfig(path=Path("data/faces"), view_a="photo", view_b="photo", label=label, load_size=128)
    return run(method, data, total_kimg=500, batch_size_per_gpu=64)


def presets() -> dict[str, RunConfig]:
    pix2pix = Pix2PixConfig(
        generator=GeneratorConfig(num_downs=7, norm="instance"), discriminator=PatchGANConfig(norm="instance")
    )
    smooth = replace(pix2pix, generator=replace(pix2pix.generator, upsampling="bilinear"))  # no dots: docs/log.md
    resnet = replace(CycleGANConfig().generator, num_blocks=6)
    fastcut = CUTConfig(
        generator=replace(cut_generator(), num_blocks=6), weight_nce=10.0, weight_identity=0.0, flips=True
    )
    # The paper's own balance (minimax, gamma 1e-6) lets D win within thousands of images.
    vaegan = VAEGANConfig(adversarial=AdversarialConfig(objective="non-saturating"), gamma=1e-2)
    return {
        **{name: views(CycleGANConfig(generator=resnet), name, "a", "b") for name in UNPAIRED},
        "object-transfer-fastcut": views(fastcut, "object-transfer", "a", "b"),
        "edges2photo": views(pix2pix, "edges2photo", "edges", "photo"),
        "sketch2photo": views(smooth, "sketch2photo", "sketch", "photo"),
        "street-labels2photo": structured(pix2pix, "street", "label", "photo"),
        "street-photo2labels": views(pix2pix, "street", "photo", "label"),
        "aerial2map": structured(pix2pix, "maps", "aerial", "map"),
        "map2aerial": views(pix2pix, "maps", "map", "aerial"),
        "age": faces(CAAEConfig(), label="age"),
        "gender": faces(vaegan, label="gender"),
    }

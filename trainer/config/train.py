"""How long a run is, and in what portions it sees images."""

from dataclasses import dataclass

from trainer.config.errors import STRICT, require


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long, in what portions."""

    __pydantic_config__ = STRICT

    total_kimg: float = 12.0
    """Length of the run in thousands of training images (pairs), whatever the number of ranks."""
    batch_size_per_gpu: int = 4
    """Images of one micro-batch on one rank."""
    seed: int = 0
    """Decides initial weights, the order of samples, crops and dropout."""
    ema_half_life_kimg: float = 0.5
    """Half-life of the moving average of the generator's weights, which evaluation uses; 0 is off."""
    patience_kimg: float = 0.0
    """Training ends early, saved and scored as at its end, when the score of `checkpoint.keep_best` has not improved
    for so many thousands of images; 0 is off."""

    def __post_init__(self) -> None:
        require(self.total_kimg > 0, "train.total_kimg", self.total_kimg, "use a positive number.")
        require(self.batch_size_per_gpu >= 1, "train.batch_size_per_gpu", self.batch_size_per_gpu, "use 1 or more.")
        require(0 <= self.seed < 2**32, "train.seed", self.seed, "use 0 to 4294967295.")
        require(
            self.ema_half_life_kimg >= 0, "train.ema_half_life_kimg", self.ema_half_life_kimg, "use 0 (off) or more."
        )
        require(self.patience_kimg >= 0, "train.patience_kimg", self.patience_kimg, "use 0 (off) or more.")

    @property
    def total_images(self) -> int:
        """`total_kimg` as a number of images: the position at which a run ends."""
        return max(1, round(1000 * self.total_kimg))

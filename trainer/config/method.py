"""What the product knows of a method's section, and what its networks are sized by."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import lcm
from typing import ClassVar, Literal, Self, TypeVar

from trainer.config.adversarial import AdversarialConfig
from trainer.config.data import DataConfig, Pairing
from trainer.config.networks import GeneratorConfig
from trainer.config.recipe import Recipe
from trainer.config.section import Section, within
from trainer.config.shrink import Limits, shrink_fields

_Part = TypeVar("_Part")


@dataclass(frozen=True, kw_only=True)
class Task:
    """What networks are sized by."""

    channels_a: int
    channels_b: int
    side: int
    """Pixels: of the square crops that are trained on; of rectangles, which convolutions alone take, the shorter."""
    num_labels: int = 0
    """Values that a label can have; 0 where the run uses none."""
    num_values: Mapping[str, int] = field(default_factory=dict)
    """Values that each label of the run can have, by its name in the data set: see `Batch.labels`."""
    channels_c: int = 0
    """Of the third view; 0 where the run has none."""
    class_colors: tuple[tuple[int, int, int], ...] = ()
    """RGB, 0..255, that stand for the classes of the data set in images, in the order of their numbers."""


@dataclass(frozen=True, kw_only=True)
class MethodConfig(Section):
    """The section of a method. Each has one of its own, in `trainer/methods/NAME/config.py`, which is found there, and
    says which one it is by `name: Literal["NAME"] = "NAME"`.

    Nothing outside a method's folder asks its section for more than this. Parts that methods share, such as
    `AdversarialConfig`, are found by their type, whatever the method calls them.
    """

    name: str
    pairing: ClassVar[Pairing] = "unpaired"
    """What it learns from: `paired` images of two views, `unpaired` ones, or a `single` view, which is view b."""
    needs_label: ClassVar[bool] = False
    """Whether it takes `data.label`."""
    needs_view_c: ClassVar[bool] = False
    """Whether it learns from a third view, too, `data.view_c`; of `paired` methods. It is there in training alone: who
    translates a picture has that picture."""
    class_views: ClassVar[tuple[Literal["a", "b", "c"], ...]] = ()
    """The views of which it takes class numbers, `Batch.classes`. A picture to be translated has colours: it reads
    them by `nearest_class` of `trainer.pictures.classes`."""
    fixed_size: ClassVar[bool] = False
    """Whether its networks take images of the size of the crops only."""
    smallest_batch: ClassVar[int] = 1
    """Images of one micro-batch on one rank that its networks need at least: a norm over one value has none."""
    translates: ClassVar[bool] = True
    """Whether it makes view b of view a, or of view b itself where that is the only one: what most scores judge."""
    translates_back: ClassVar[bool] = False
    """Whether it makes view a of view b, too."""
    draws: ClassVar[bool] = False
    """Whether it draws images of view b from noise."""
    discriminators: ClassVar[tuple[str, ...]] = ()
    """Its players that judge, as `method.py` names them; clipped critics are among them. Only a player that stands here
    or in `generators` can have an optimizer of its own."""
    generators: ClassVar[tuple[str, ...]] = ()
    """Its other players."""
    recipe: ClassVar[Recipe] = Recipe()
    """How its paper trains it; of one without, Adam at 2e-4 and batches of 1."""
    shows_labels: ClassVar[bool] = False
    """Whether it makes images of a wanted label, which a reader of labels can judge: by drawing or changing them."""

    @property
    def further_labels(self) -> Mapping[str, str]:
        """Labels that it takes besides `data.label`: which field of the section names which label of the data set."""
        return {}

    @property
    def stride(self) -> int:
        """Pixels: sides of images must be multiples of this, unless the size is fixed."""
        return lcm(*(generator.stride for generator in self._parts(GeneratorConfig).values()))

    @property
    def players(self) -> tuple[str, ...]:
        """The names of all."""
        return (*self.discriminators, *self.generators)

    @property
    def differentiates_gradients(self) -> bool:
        """Whether a loss holds gradients of its own, which ZeRO 3 cannot compute."""
        return any(adversarial.differentiates_gradients for adversarial in self._parts(AdversarialConfig).values())

    @property
    def clips_weights(self) -> bool:
        """Whether weights of a critic are cut after each of its steps."""
        return any(adversarial.weight_clip > 0 for adversarial in self._parts(AdversarialConfig).values())

    @property
    def averages_over_ranks(self) -> bool:
        """Whether a loss is of means over a micro-batch of all ranks, not itself a mean over images."""
        return False

    @property
    def idle_sections(self) -> tuple[str, ...]:
        """Names of sections within this one that change nothing as the others are set: sweeps leave them alone."""
        return ()

    def small(self, most: Limits) -> Self:
        """The section made small, for sweeps and tests. Extend it where more must follow than smaller numbers."""
        return shrink_fields(self, most)

    def check(self, data: DataConfig) -> None:
        """Raise ConfigError for images that the networks cannot take. Extend it where they do not take all."""

    def check_shapes(self, task: Task) -> None:
        """Raise ConfigError for channels and labels that the method cannot take. Extend it, and call this one first."""
        for name, generator in self._parts(GeneratorConfig).items():
            with within(f"method.{name}"):
                generator.check_channels(task.channels_a, task.channels_b)

    def _parts(self, kind: type[_Part]) -> dict[str, _Part]:
        """The sections within this one that are of a kind, by their names here."""
        return {field.name: part for field in fields(self) if isinstance(part := getattr(self, field.name), kind)}

"""Scores of sets by an encoder, on their way through evaluation: of unpaired images, of drawings, of real halves."""

from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.scores import cheap_encoder
from tests.tiny_run import subject_of, tiny_config
from tests.unit.data.tiny_shards import SIDE, UNPAIRED_SHARDS, noisy_pixels, write_unpaired_dataset
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.evaluate import EvaluateConfig
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.evaluation.encoders.encoder import Encoder
from trainer.evaluation.evaluator import SplitEvaluator
from trainer.evaluation.metrics.features import FeatureSets, RealHalves
from trainer.evaluation.scores import available_objectives, check_kept_score, why_absent
from trainer.evaluation.set_distances import frechet_distance, neighbourhoods
from trainer.inference.together import AT_ONCE
from trainer.inference.translator import Translator
from trainer.methods.base import Networks
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.ranks.world import lone_world
from trainer.runs.config import RunConfig

CPU = torch.device("cpu")
WORLD = lone_world(CPU)
PHOTOS, MAPS = 51, 52
NAMES = {"fd", "kid", "kid_spread", "precision", "recall", "density", "coverage"}


class Drawing:
    """A method without networks, which also draws: noise as bright as the drawn number."""

    translates_by_chance = False

    def __init__(self, translate: Callable[[Tensor], Tensor] = torch.neg) -> None:
        self.function = translate

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        return self.function(image)

    def sample(self, networks: Networks, num: int, label: Tensor | None) -> Tensor:
        return torch.rand(num, 3, SIDE, SIDE) * 2 - 1


def unpaired_config(folder: Path) -> RunConfig:
    method = CycleGANConfig(generator=GeneratorConfig(num_downs=3), discriminator=PatchGANConfig(num_layers=1))
    data = DataConfig(path=folder, view_a="photo", view_b="map", load_size=SIDE, crop_size=SIDE)
    return RunConfig(method=method, data=data)


@pytest.fixture
def unpaired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    monkeypatch.setitem(UNPAIRED_SHARDS, "test", {"photo": (PHOTOS,), "map": (MAPS,)})
    write_unpaired_dataset(tmp_path)
    return unpaired_config(tmp_path)


def score(config: RunConfig, encoder: Encoder) -> tuple[SplitEvaluator, dict[str, float]]:
    translator = Translator(Drawing(), Networks({}, {}), torch.contiguous_format)  # pyright: ignore
    evaluator = SplitEvaluator(subject_of(config), seed=0, split="test", world=WORLD, encoder=encoder)
    return evaluator, evaluator(translator)


def pixels(view: str, num: int) -> Tensor:
    images = [torch.from_numpy(noisy_pixels("test", number, view)) for number in range(num)]
    return torch.stack(images).permute(0, 3, 1, 2) / 127.5 - 1


def test_translations_and_inputs_are_compared_with_the_targets_as_sets(unpaired: RunConfig) -> None:
    evaluator, scores = score(unpaired, cheap_encoder())
    prefixes = ("eval", "baseline/identity", "baseline/real")  # one constant image is no set
    assert scores.keys() == {f"{prefix}/{name}/efficientnet-lite0" for prefix in prefixes for name in NAMES}
    assert evaluator.left_out == {}
    encoder = cheap_encoder()
    photos, maps = (encoder.pooled(images).double() for images in (pixels("photo", PHOTOS), pixels("map", MAPS)))
    assert scores["baseline/identity/fd/efficientnet-lite0"] == pytest.approx(frechet_distance(photos, maps))
    found = neighbourhoods(photos, maps)
    assert scores["baseline/identity/density/efficientnet-lite0"] == pytest.approx(found.dense.mean().item())
    assert scores["eval/fd/efficientnet-lite0"] != scores["baseline/identity/fd/efficientnet-lite0"]


def test_drawn_images_are_as_many_as_targets_and_follow_the_seed(
    unpaired: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CycleGANConfig, "draws", True)
    _, first = score(unpaired, cheap_encoder())
    torch.manual_seed(1)
    _, again = score(unpaired, cheap_encoder())
    assert {f"eval/drawn_{name}/efficientnet-lite0" for name in NAMES} < first.keys()
    assert again == first
    assert first["eval/drawn_fd/efficientnet-lite0"] != first["eval/fd/efficientnet-lite0"]
    assert first["baseline/real/drawn_fd/efficientnet-lite0"] == first["baseline/real/fd/efficientnet-lite0"]


def unread() -> Encoder:
    def fail() -> None:
        raise AssertionError

    return Encoder("efficientnet-lite0", fail, device=CPU)  # pyright: ignore[reportArgumentType]


def test_of_too_few_images_there_are_no_scores_and_the_encoder_is_not_even_read(tmp_path: Path) -> None:
    write_unpaired_dataset(tmp_path)
    evaluator, scores = score(unpaired_config(tmp_path), unread())
    assert scores == {}
    assert "needs 50 images" in evaluator.notes["encoder"]


def test_of_few_pairs_there_is_their_distance_alone(map_dataset: Path) -> None:
    evaluator, scores = score(tiny_config(map_dataset), cheap_encoder())
    assert {key for key in scores if "efficientnet" in key} == {
        f"{prefix}/stage_distance/efficientnet-lite0" for prefix in ("eval", "baseline/mean", "baseline/identity")
    }
    assert scores["eval/stage_distance/efficientnet-lite0"] > 0
    assert evaluator.left_out["Fréchet distance, EfficientNet-Lite0"] == "needs 50 images, and split test has 3"
    assert evaluator.left_out["kernel distance, EfficientNet-Lite0"] == "needs 20 images, and split test has 3"


@pytest.mark.parametrize(("num", "names"), [(19, set()), (20, {"kid", "kid_spread"}), (50, NAMES)])
def test_each_score_has_its_least_number_of_images(num: int, names: set[str]) -> None:
    images = torch.rand(60, 3, 8, 8) * 2 - 1
    metric, floor = FeatureSets(cheap_encoder()), RealHalves(cheap_encoder())
    for each in (metric, floor):
        each.update_fakes(images[:60])
        each.update_reals(images[:num])
        each.merge(WORLD)
        assert {name.partition("/")[0] for name in each.compute()} == names
    assert "fd" not in FeatureSets(cheap_encoder()).compute()


def test_real_halves_are_nearer_than_another_set() -> None:
    images = torch.rand(60, 3, 8, 8) * 2 - 1
    metric, floor = FeatureSets(cheap_encoder()), RealHalves(cheap_encoder())
    for each in (metric, floor):
        each.update_fakes(images * 0.1 - 0.9)
        each.update_reals(images)
    assert floor.compute()["fd/efficientnet-lite0"] < metric.compute()["fd/efficientnet-lite0"]
    assert floor.compute() == floor.compute()


def test_checkpoints_and_sweeps_can_choose_by_them_where_they_are_found_on_the_way(
    unpaired: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.data.subject.Subject.watched_split", "test")
    subject, key = subject_of(unpaired), "eval/kid/efficientnet-lite0"
    always = EvaluateConfig(encoded="always").on_the_way
    check_kept_score(key, subject, encoder=always)
    with pytest.raises(ConfigError, match=r"keep_best = 'eval/kid/.*: is found on the way with .*encoded = 'always'"):
        check_kept_score(key, subject, encoder=EvaluateConfig().on_the_way)
    assert key in available_objectives(subject, encoder=always)
    assert not any("spread" in name or "mobilenet" in name for name in available_objectives(subject, encoder=always))
    monkeypatch.setattr("trainer.data.subject.Subject.num_images", lambda subject, split, view: 30)
    assert "needs 50 images" in why_absent("eval/fd/efficientnet-lite0", subject, encoder=always)
    assert "draws none" in why_absent("eval/drawn_fd/efficientnet-lite0", subject, encoder=always)


def test_they_are_found_where_nothing_else_says_how_good_a_run_is() -> None:
    name = "efficientnet-lite0"
    assert EvaluateConfig().at_the_end(judged=False) == EvaluateConfig(encoded="end").at_the_end(judged=True) == name
    assert EvaluateConfig().at_the_end(judged=True) is None
    assert EvaluateConfig(encoder="none", encoded="always").on_the_way is None


def told_of(config: RunConfig) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    evaluator = SplitEvaluator(
        subject_of(config),
        seed=0,
        split="test",
        world=WORLD,
        encoder=cheap_encoder(),
        tell=lambda done, total: told.append((done, total)),
    )
    evaluator(Translator(Drawing(), Networks({}, {}), torch.contiguous_format))  # pyright: ignore
    return told


def test_it_is_told_how_many_images_have_passed(unpaired: RunConfig, map_dataset: Path) -> None:
    for config, total in ((unpaired, PHOTOS + MAPS), (tiny_config(map_dataset), 3)):
        sides = [PHOTOS, MAPS] if config is unpaired else [3]
        steps = [min(AT_ONCE, side - start) for side in sides for start in range(0, side, AT_ONCE)]
        assert told_of(config) == [(done, total) for done in accumulate(steps)]

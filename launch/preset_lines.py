"""One true line about each preset, made of its configuration; and the families that presets come in."""

from collections.abc import Mapping
from typing import Any

from launch.embedded import embedded_command
from sharding.public.sets import SETS
from sharding.storage.place import Url
from trainer.config.data import DataConfig, DegradeConfig
from trainer.presets import family_of, load_preset, preset_names
from trainer.runs.config import RunConfig, config_to_dict, flatten

_NEEDS = {"paired": "pairs in ", "unpaired": "two sets in ", "single": ""}


def families() -> dict[str, list[str]]:
    """The presets of each file, by the first sentence of its docstring; those that are alone in theirs come first,
    below one heading.
    """
    found: dict[str, list[str]] = {}
    for name in preset_names():
        found.setdefault(family_of(name).title, []).append(name)
    alone = [names[0] for names in found.values() if len(names) == 1]
    return {"One of a kind": alone, **{title: names for title, names in found.items() if len(names) > 1}}


def line_of(name: str) -> str:
    """What a preset learns, how, at which size, from what; and how it differs from those of its family that share all
    of this.

    `satellite -> map: pix2pix, 64 px, 2.4 kimg, data/earth-64 (embedded); weight_gan 0, weight_l1 100`.
    """
    config = load_preset(name)
    line = f"{_task(name, config)}: {_how(config)}"
    alike = [other for other in family_of(name).presets if _same(config, other)]
    differences = _differences(config, [load_preset(other) for other in alike])
    return f"{line}; {differences}" if differences else line


def _same(config: RunConfig, other: str) -> bool:
    its = load_preset(other)
    return (_how(its), _views(its)) == (_how(config), _views(config))


def _how(config: RunConfig) -> str:
    return f"{config.method.name}, {_size(config.data)}, {config.train.total_kimg:g} kimg, {_data(config)}"


def _size(data: DataConfig) -> str:
    size = data.crop_size
    return f"{size[1]}x{size[0]} px" if isinstance(size, tuple) else f"{size} px"


def _data(config: RunConfig) -> str:
    path = config.data.path
    if not isinstance(path, Url) and embedded_command(path) is not None:
        return f"{path} (embedded)"
    public = SETS.get("" if isinstance(path, Url) else path.name)
    if public is not None and {config.data.view_a, config.data.view_b} == set(public.views):
        return f"{path} (diptych fetch {public.name})"
    return f"your {_NEEDS[config.method.pairing]}{path}"


def _task(name: str, config: RunConfig) -> str:
    family = family_of(name)
    return family.tasks.get(name) or _views(config)


def _views(config: RunConfig) -> str:
    data, method = config.data, config.method
    if method.pairing == "single":
        return f"{data.view_b} by {data.label}" if data.label else str(data.view_b)
    source = f"{data.view_a} {_damage(data.degrade)}" if data.is_degraded else data.view_a
    return f"{source} {'<->' if method.translates_back else '->'} {data.view_b}"


def _damage(degrade: DegradeConfig) -> str:
    match degrade.kind:
        case "blur":
            return f"with blur of {degrade.blur_sigma:g} px"
        case "downscale":
            return f"of {degrade.factor} times smaller sides"
        case "noise":
            return f"with noise of {degrade.noise_sigma:g} grey levels"
        case "jpeg":
            return f"with JPEG of quality {degrade.jpeg_quality}"
    return ""


def _differences(config: RunConfig, others: list[RunConfig]) -> str:
    """The fields in which presets that are alike otherwise differ, with the values of this one."""
    if others == [config]:
        return ""
    mine, all_values = _fields(config), [_fields(other) for other in others]
    names = [name for name, value in mine.items() if any(values.get(name) != value for values in all_values)]
    return ", ".join(f"{name.removeprefix('method.')} {_shown(mine[name])}" for name in names)


def _fields(config: RunConfig) -> Mapping[str, Any]:
    return flatten(config_to_dict(config))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)

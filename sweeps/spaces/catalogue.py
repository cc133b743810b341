"""Which spaces there are: of groups of fields, whose domains stand at them, of paths, of a file of one's own."""

import runpy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from sweeps.spaces.overrides import apply, unknown
from sweeps.spaces.space import Condition, Space, check_space, with_what_it_needs
from sweeps.spaces.text import parse_domain
from trainer.config.domains import Choice, Domain, Group, LogUniform, Searched
from trainer.config.errors import ConfigError
from trainer.config.section import Section, annotations_of, found_in
from trainer.runs.config import RunConfig, config_to_dict, flatten

GROUPS: tuple[Group, ...] = get_args(Group)
ALL = "all"

FIXED: dict[str, Space] = {
    "l1-skips": Space(
        {
            "method.weight_l1": LogUniform(10, 1000),
            "method.generator.skips": Choice("concatenate", "add", "none"),
        }
    ),
}
"""By name: the weight of pix2pix's L1 term with the U-Net's skips (Isola et al. 2017, sections 4.1 and 4.2)."""

FORMER: dict[str, Space] = {
    **FIXED,
    "optimizer": Space({"optimizer.lr": LogUniform(5e-5, 1e-3), "optimizer.beta1": Choice(0.0, 0.5, 0.9)}),
    "rmsprop": Space({"optimizer.lr": LogUniform(1e-5, 1e-3), "optimizer.rmsprop_decay": Choice(0.9, 0.99, 0.999)}),
}
"""Those of sweeps of former versions, which noted the name alone."""

_OF_THE_SWEEP = ("train.total_kimg", "train.patience_kimg", "log.", "samples.", "evaluate.", "checkpoint.")
"""Trials are of one length, and are scored, saved and shown by the sweep."""


@dataclass(frozen=True)
class When:
    """In a space of one's own: a domain that counts only beside certain values of other paths of the space.

    `When(Choice("add", "none"), {"method.generator.architecture": ("unet",)})`; what a field itself says of the fields
    beside it need not be said again.
    """

    domain: Domain
    only: Condition


@dataclass(frozen=True)
class Field:
    """A field of a configuration, as far as a search cares."""

    path: str
    value: Any
    searched: Searched | None

    def depends_on(self) -> dict[str, tuple[Any, ...]]:
        """Paths, and their values with which this one has any effect."""
        if self.searched is None or self.searched.only is None:
            return {}
        section, _, _ = self.path.rpartition(".")
        name, values = self.searched.only
        return {f"{section}.{name}": values}


def choose_space(name: str | None, vary: Sequence[str], config: RunConfig) -> tuple[str, Space]:
    """The space that was asked for, and its name; the first that suits the configuration if none was.

    Args:
        name: of a group of fields, `all`, one of `FIXED`, or the path of a Python file.
        vary: `PATH=DOMAIN` each, as of `parse_domain`, which are added to it, or are the whole space.

    Raises:
        ConfigError: no such space, or it changes what the configuration does not have or use, or to what it cannot be.
    """
    if name is None and not vary:
        return _first_fitting(config)
    chosen = _by_name(name, config) if name else Space({})
    asked = _parse_vary(vary, config)
    space = _conditional(dict(chosen.domains) | asked, dict(chosen.conditions), config)
    # Domains of groups are possible: see `group_space`.
    check_space(Space(asked) if name in (*GROUPS, ALL) else space, config)
    return name_of(name), space


def name_of(name: str | None) -> str:
    """What a space is called in the sweep's folder and report: a file by its stem, `vary` if paths alone make it."""
    return Path(name).stem if name and name.endswith(".py") else name or "vary"


def group_space(groups: Sequence[str], config: RunConfig) -> Space:
    """The domains of all fields of some groups, without what the configuration does not use or could not be."""
    known = {entry.path: entry for entry in fields_of(config)}
    found = {
        entry.path: (entry, domain)
        for entry in known.values()
        if entry.searched is not None
        and entry.searched.group in groups
        and _has_effect(entry.path, config)
        and (domain := entry.searched.around(entry.value)) is not None
    }
    domains: dict[str, Domain] = {}
    for path, (entry, domain) in sorted(found.items(), key=lambda item: len(item[1][0].depends_on())):
        conditions = _conditions_of(entry, domains, known)
        if conditions is None:
            continue
        possible = _possible(path, domain, Space({**domains, path: domain}, {path: conditions}), config)
        if possible is not None:
            domains[path] = possible
    in_order = {path: domains[path] for path in found if path in domains}
    return _conditional(in_order, {}, config)


def load_own(path: str, config: RunConfig) -> Space:
    """The space of a Python file: `SPACE`, a dictionary from paths to domains, or `space(config)`, which returns one.

    Raises:
        ConfigError: there is no such file, or it holds no space.
    """
    if not Path(path).is_file():
        raise ConfigError("space", path, "no such file.")
    names = runpy.run_path(path)
    own = names["space"](config) if callable(names.get("space")) else names.get("SPACE")
    if not isinstance(own, Mapping) or not own or not all(isinstance(value, Domain | When) for value in own.values()):
        reason = "holds no SPACE = {path: domain, ...}, nor space(config) that returns one; see docs/sweeps.md."
        raise ConfigError("space", path, reason)
    domains = {name: value.domain if isinstance(value, When) else value for name, value in own.items()}
    return Space(domains, {name: value.only for name, value in own.items() if isinstance(value, When)})


def _first_fitting(config: RunConfig) -> tuple[str, Space]:
    known = flatten(config_to_dict(config))
    for name, space in FIXED.items():
        if space.domains.keys() <= known.keys():
            check_space(space, config)
            return name, space
    for group in ("weights", "optimizer"):
        space = group_space([group], config)
        if space.domains:
            return group, space
    raise ConfigError("space", None, "nothing of the preset is searched by itself; say what, e.g. --vary PATH=a,b,c.")


def _by_name(name: str, config: RunConfig) -> Space:
    if name.endswith(".py"):
        return load_own(name, config)
    if name in FIXED:
        return FIXED[name]
    if name not in (*GROUPS, ALL):
        there_are = ", ".join((*GROUPS, ALL, *FIXED))
        raise ConfigError("space", name, f"there are: {there_are}; or give a Python file, or --vary PATH=DOMAIN.")
    space = group_space(GROUPS if name == ALL else [name], config)
    if not space.domains:
        raise ConfigError("space", name, f"method.name = {config.method.name!r} has nothing of it; use another.")
    return space


def _parse_vary(vary: Sequence[str], config: RunConfig) -> dict[str, Domain]:
    known = {entry.path: entry for entry in fields_of(config)}
    domains: dict[str, Domain] = {}
    for text in vary:
        path, equals, domain = text.partition("=")
        path = path.strip().removeprefix("--").replace("-", "_")
        if path not in known:
            raise ConfigError("vary", text, f"{path} {unknown(path, known)}")
        if not equals:
            raise ConfigError("vary", text, f"write PATH=DOMAIN, e.g. {path}=log:1..100, 0..1 or a,b,c.")
        value = known[path].value
        try:
            domains[path] = parse_domain(domain, whole=isinstance(value, int) and not isinstance(value, bool))
        except ValueError as error:
            raise ConfigError("vary", text, f"{error} Write e.g. {path}=log:1..100, 0..1 or a,b,c.") from None
    return domains


def _conditional(domains: dict[str, Domain], conditions: dict[str, Condition], config: RunConfig) -> Space:
    """The space with the conditions that its fields state. Raises ConfigError for paths that are none, or idle."""
    known = {entry.path: entry for entry in fields_of(config)}
    found: dict[str, Condition] = {}
    for path in domains:
        if path not in known:
            raise ConfigError("space", path, unknown(path, known))
        if path.startswith(_OF_THE_SWEEP):
            raise ConfigError("space", path, "is the sweep's: its trials are alike in length, scores and checkpoints.")
        own = _conditions_of(known[path], domains, known)
        if own is None:
            lacking = " and ".join(f"{other} = {known[other].value!r}" for other in known[path].depends_on())
            raise ConfigError("space", path, f"has no effect with {lacking}; leave it out, or set or vary that too.")
        both = {**own, **conditions.get(path, {})}
        if both:
            found[path] = both
    return Space(domains, found)


def _conditions_of(entry: Field, domains: Mapping[str, Domain], known: Mapping[str, Field]) -> Condition | None:
    """What a field depends on among the paths that vary; None if another, which does not vary, leaves it no effect."""
    conditions: dict[str, tuple[Any, ...]] = {}
    for other, wanted in entry.depends_on().items():
        if other in domains:
            conditions[other] = wanted
        elif known[other].value not in wanted:
            return None
    return conditions


def _possible(path: str, domain: Domain, space: Space, config: RunConfig) -> Domain | None:
    """The domain without choices that the configuration cannot have; None if less than two are left."""
    if not isinstance(domain, Choice):
        return domain
    left = [value for value in domain.values if _can_be(with_what_it_needs(space, {path: value}), config)]
    return Choice(*left) if len(left) > 1 else None


def _can_be(overrides: Mapping[str, Any], config: RunConfig) -> bool:
    try:
        apply(config, overrides)
    except ConfigError:
        return False
    return True


def _has_effect(path: str, config: RunConfig) -> bool:
    if path == "optimizer.discriminator_lr_factor":
        return bool(config.method.discriminators)
    return not path.startswith(tuple(f"method.{name}." for name in config.method.idle_sections))


def fields_of(section: Section, prefix: str = "") -> Iterator[Field]:
    """All fields of a configuration but the sections themselves, with their paths."""
    for name, hint in annotations_of(type(section)).items():
        path, value = prefix + name, getattr(section, name)
        if isinstance(value, Section):
            yield from fields_of(value, f"{path}.")
        elif isinstance(value, Mapping):
            for key, part in value.items():
                if isinstance(part, Section):
                    yield from fields_of(part, f"{path}.{key}.")
        else:
            yield Field(path, value, next(iter(found_in(hint, Searched)), None))

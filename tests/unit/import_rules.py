"""Which module may import what: the design's directions as a table, and a checker that reads syntax trees."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer.methods.registry import method_names

_METHODS = tuple(f"trainer.methods.{name}" for name in method_names())

OURS = ("trainer", "launch", "sharding", "sweeps", "benchmarks", "tests")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Modules under `of`, but not those under `besides`, do not import `forbidden`, save what is `allowed`.

    A name stands for the module and all inside it.
    """

    of: tuple[str, ...]
    forbidden: tuple[str, ...]
    allowed: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()
    reason: str


RULES = (
    Rule(
        of=("sharding",),
        forbidden=OURS,
        allowed=("sharding",),
        reason="data sets are made without the trainer",
    ),
    Rule(
        of=("sharding.reading",),
        forbidden=OURS,
        allowed=("sharding.reading", "sharding.format", "sharding.storage"),
        reason="a finished data set is read without what makes one",
    ),
    Rule(
        of=("sharding.storage",),
        forbidden=OURS,
        allowed=("sharding.storage", "sharding.format.manifest"),
        reason="where data sets lie is asked by sharding, trainer and configuration, and asks none of them",
    ),
    Rule(
        of=("trainer",),
        forbidden=OURS,
        allowed=(
            "trainer",
            "sharding.format",
            "sharding.reading",
            "sharding.console",
            "sharding.storage",
        ),
        reason="of sharding the trainer knows the manifest, the way to where it lies and, to decode as the writer "
        "does, the codec; it is started by others",
    ),
    Rule(
        of=("trainer.methods", "trainer.networks", "trainer.losses"),
        forbidden=(
            "trainer",
            "torch.distributed",
            "torch.optim",
            "torch.cuda",
            "deepspeed",
            "logging",
            "rich",
            "wandb",
        ),
        allowed=(
            "trainer.methods",
            "trainer.networks",
            "trainer.losses",
            "trainer.config",
            "trainer.data.batch",
        ),
        reason="the mathematics knows nothing of ranks, devices, optimizers, DeepSpeed or logging",
    ),
    Rule(
        of=OURS,
        besides=("trainer.engine", "launch.machine.build_ops"),
        forbidden=("deepspeed",),
        reason="DeepSpeed's hazards have one home (launch.machine.build_ops compiles its op, and trains nothing)",
    ),
    Rule(
        of=OURS,
        besides=("trainer.monitoring.wandb", "tests"),
        forbidden=("wandb",),
        reason="W&B has one home, which may be absent or offline",
    ),
    Rule(
        of=("trainer.config", "trainer.presets", "trainer.engine.extensions"),
        forbidden=("torch", "deepspeed"),
        reason="a mistake on the command line is answered at once",
    ),
    Rule(
        of=(
            "trainer.methods.registry",
            "trainer.methods.shared.settings",
            *(f"{folder}.config" for folder in _METHODS),
        ),
        forbidden=("torch", "deepspeed", "trainer.networks", "trainer.losses"),
        reason="sections of methods are read on the command line",
    ),
    Rule(
        of=("trainer.methods.registry", "trainer.methods.base", "trainer.methods.shared"),
        forbidden=_METHODS,
        reason="what methods share knows none of them",
    ),
    *(
        Rule(
            of=(folder,),
            forbidden=_METHODS,
            allowed=(folder,),
            reason=f"{folder} can be copied, changed and removed: methods share by trainer.methods.shared alone",
        )
        for folder in _METHODS
    ),
    Rule(
        of=("sweeps", "launch"),
        forbidden=("trainer.methods", "trainer.networks", "trainer.losses"),
        reason="sweeps and launch build configurations and start runs",
    ),
    Rule(
        of=("launch",),
        besides=("launch.cli",),
        forbidden=("sweeps",),
        reason="a sweep is many launches: sweeps build on launch, and only the command knows both",
    ),
    Rule(
        of=("sweeps",),
        forbidden=("launch",),
        allowed=("launch.machine.devices", "launch.embedded", "launch.commands.train", "launch.ranks.interpreter"),
        reason="sweeps use what launch knows of machines and data, not how it starts ranks",
    ),
    Rule(
        of=("sweeps.cli", "sweeps.plan", "sweeps.records", "sweeps.report", "sweeps.resume", "sweeps.spaces"),
        forbidden=("ray", "torch"),
        reason="a mistake in a sweep's settings is answered at once",
    ),
)


def under(module: str, names: tuple[str, ...]) -> bool:
    """Whether `module` is one of `names` or inside one."""
    return any(module == name or module.startswith(f"{name}.") for name in names)


def module_name(path: Path, root: Path) -> str:
    """`root/trainer/data/__init__.py` -> `trainer.data`."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str, *, module: str, is_package: bool = False) -> set[str]:
    """Full names of all that a module imports, wherever in it; for `from x import y` that is `x.y`."""
    return {name for node in ast.walk(ast.parse(source)) for name in _names(node, module, is_package)}


def _names(node: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = module.split(".")[: None if is_package else -1]
            above = package[: len(package) - (node.level - 1)]
            base = ".".join([*above, *filter(None, [node.module])])
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and node.args and isinstance(name := node.args[0], ast.Constant):
        function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if function in ("import_module", "__import__") and isinstance(name.value, str):
            yield name.value


def violations(module: str, imports: set[str]) -> list[str]:
    """One line for each import that a rule forbids."""
    return [
        f"{module} imports {name}: {rule.reason}"
        for rule in RULES
        if under(module, rule.of) and not under(module, rule.besides)
        for name in sorted(imports)
        if under(name, rule.forbidden) and not under(name, rule.allowed)
    ]

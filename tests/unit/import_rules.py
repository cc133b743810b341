"""Which module may import what: the design's directions as a table, and a checker that reads syntax trees."""

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from trainer.methods.registry import method_names

_METHODS = tuple(f"trainer.methods.{name}" for name in method_names())

OURS = ("trainer", "launch", "sharding", "sweeps", "benchmarks", "docs", "tests")


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


FLOORS = (
    (
        ("sharding.errors",),
        ("sharding.storage",),
        ("sharding.format", "sharding.console"),
        ("sharding.reading", "sharding.work"),
        ("sharding.inputs", "sharding.writing"),
        ("sharding.rendering",),
        ("sharding.sources", "sharding.verifying", "sharding.examining", "sharding.bars", "sharding.public"),
        ("sharding.cli",),
    ),
    (
        ("trainer.config", "trainer.pictures", "trainer.ranks"),
        ("trainer.data", "trainer.losses", "trainer.networks", "trainer.monitoring"),
        ("trainer.methods",),
        ("trainer.runs", "trainer.engine", "trainer.doctor"),
        ("trainer.presets", "trainer.checkpoints"),
        ("trainer.inference",),
        ("trainer.evaluation", "trainer.study"),
        ("trainer.reports", "trainer.exports"),
        ("trainer.received", "trainer.demo"),
        ("trainer.loop",),
        ("trainer.main", "trainer.planning"),
    ),
)
"""Each building from the ground up: a room imports from the floors below, and no other room of its own floor."""


def _rules_of_floors() -> tuple[Rule, ...]:
    return tuple(
        Rule(
            of=(room,),
            forbidden=tuple(other for floor in building[number:] for other in floor if other != room),
            reason="imports run downward, floor by floor",
        )
        for building in FLOORS
        for number, floor in enumerate(building)
        for room in floor
    )


RULES = (
    *_rules_of_floors(),
    Rule(
        of=("sharding",),
        forbidden=OURS,
        allowed=("sharding",),
        reason="data sets are made without the trainer",
    ),
    Rule(
        of=("trainer",),
        forbidden=OURS,
        allowed=(
            "trainer",
            "sharding.errors",
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
            "trainer.pictures.classes",
        ),
        reason="the mathematics knows nothing of ranks, devices, optimizers, DeepSpeed or logging",
    ),
    Rule(
        of=OURS,
        besides=("trainer.engine", "launch.machine.build_ops", "tests.unit.engine.test_raw"),
        forbidden=("deepspeed",),
        reason="DeepSpeed's hazards have one home (launch.machine.build_ops compiles its op, and trains nothing; "
        "test_raw compares names of keys)",
    ),
    Rule(
        of=OURS,
        besides=(
            "trainer.monitoring.wandb",
            "trainer.monitoring.wandb_mode",
            "trainer.monitoring.wandb_parts",
            "trainer.monitoring.wandb_workspace",
            "tests",
        ),
        forbidden=("wandb", "wandb_workspaces"),
        reason="W&B is known where runs are sent to it, and where workspaces are made of them; it may be absent",
    ),
    Rule(
        of=OURS,
        besides=("trainer.monitoring.tensorboard", "trainer.monitoring.prometheus", "tests"),
        forbidden=("tensorboardX", "prometheus_client"),
        reason="each has one home, and may be absent",
    ),
    Rule(
        of=OURS,
        besides=("trainer.exports.onnx_file", "tests"),
        forbidden=("onnx", "onnxscript", "onnxruntime"),
        reason="ONNX has one home, which an extra brings the packages of",
    ),
    Rule(
        of=OURS,
        besides=("trainer.exports.hub", "tests"),
        forbidden=("huggingface_hub",),
        reason="the Hub has one home, which an extra brings the package of",
    ),
    Rule(
        of=(
            "trainer.config",
            "trainer.exports.kinds",
            "trainer.presets",
            "trainer.engine.extensions",
            "trainer.evaluation.score",
            "trainer.evaluation.scores",
            "trainer.evaluation.comparison",
            "trainer.evaluation.judges.asked",
            "trainer.evaluation.judges.own_function",
            "trainer.checkpoints.batch",
            "trainer.checkpoints.given",
            "trainer.checkpoints.layout",
            "trainer.checkpoints.progress",
            "trainer.checkpoints.publish",
            "trainer.checkpoints.remote.copy",
            "trainer.checkpoints.remote.fetch",
            "trainer.checkpoints.remote.inspection",
            "trainer.checkpoints.source",
            "trainer.planning.forecast",
            "trainer.planning.request",
            "trainer.planning.text",
            "trainer.study.answers",
            "trainer.study.mturk",
            "trainer.study.report",
            "trainer.study.simulation",
            "trainer.study.statistics",
            "trainer.study.design",
            "trainer.study.store",
        ),
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
        besides=("launch.commands.sweep", "launch.commands.table"),
        forbidden=("sweeps",),
        reason="a sweep is many launches: sweeps build on launch, and only their commands know both",
    ),
    Rule(
        of=OURS,
        besides=("trainer.study.mturk.requester", "sharding.storage", "tests"),
        forbidden=("boto3", "botocore"),
        reason="of Amazon only one place knows, and storage the errors of what reads S3",
    ),
    Rule(
        of=("sweeps",),
        forbidden=("launch",),
        allowed=(
            "launch.arguments",
            "launch.embedded",
            "launch.folders",
            "launch.hosts.environment",
            "launch.machine.devices",
            "launch.on_ray.actors",
            "launch.on_ray.agents",
            "launch.on_ray.cluster",
            "launch.on_ray.plan",
            "launch.ranks.interpreter",
            "launch.starting",
        ),
        reason="sweeps use what launch knows of machines and data, not how it starts ranks; but Ray clusters, "
        "and ranks as actors, have one home",
    ),
    Rule(
        of=OURS,
        besides=(
            "sweeps.tune",
            "launch.on_ray",
            "sharding.work.cluster",
            "sharding.work.local_ray",
            "benchmarks.search",
            "benchmarks.sweeps",
            "tests",
        ),
        forbidden=("ray",),
        reason="Ray's hazards have few homes",
    ),
    Rule(
        of=("launch.on_ray.options", "launch.on_ray.plan", "launch.on_ray.way"),
        forbidden=("ray", "torch"),
        reason="a mistake on the command line is answered at once",
    ),
    Rule(
        of=("sweeps",),
        besides=("sweeps.tune",),
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


@cache
def imports_of(source: str, *, module: str, is_package: bool = False) -> frozenset[str]:
    """Full names of all that a module imports, wherever in it; for `from x import y` that is `x.y`."""
    return frozenset(name for node in ast.walk(ast.parse(source)) for name in _names(node, module, is_package))


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


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """Modules that import each other, by whatever way round; each circle is found from one of its members.

    Args:
        imports: module -> full names of all that it imports, as `imports_of` gives them.
    """
    edges = {module: {_owner(name, imports) for name in names} - {module, ""} for module, names in imports.items()}
    return sorted(sorted(circle) for circle in _components(edges) if len(circle) > 1)


def _owner(name: str, modules: Collection[str]) -> str:
    """`trainer.ranks.world.World` -> `trainer.ranks.world`; empty for what is not ours."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def _components(edges: Mapping[str, set[str]]) -> list[set[str]]:
    """Strongly connected ones (Kosaraju 1978): from the last to finish, all that leads to it."""
    finished: list[str] = []
    seen: set[str] = set()
    for start in edges:
        _visit(start, edges, seen, finished)
    back: dict[str, set[str]] = {module: set() for module in edges}
    for module, targets in edges.items():
        for target in targets:
            back[target].add(module)
    components, seen = [], set()
    for start in reversed(finished):
        component: list[str] = []
        _visit(start, back, seen, component)
        components.append(set(component))
    return components


def _visit(start: str, edges: Mapping[str, set[str]], seen: set[str], finished: list[str]) -> None:
    """Depth first, without recursion; modules are noted as they are left."""
    if start in seen:
        return
    seen.add(start)
    stack = [(start, iter(sorted(edges[start])))]
    while stack:
        module, targets = stack[-1]
        target = next(targets, None)
        if target is None:
            finished.append(module)
            stack.pop()
        elif target not in seen:
            seen.add(target)
            stack.append((target, iter(sorted(edges[target]))))

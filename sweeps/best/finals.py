"""The best of a sweep once more: as small as trials are, with several seeds, scored on the test split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.table import Table
from rich.text import Text

from launch.ranks.interpreter import module_command
from launch.starting import require_same_config
from sharding.console import make_console, markdown_table, markdown_text
from sharding.storage.files import write_atomically
from sweeps.one_by_one import run_to_end, was_stopped
from sweeps.plan import Sweep, SweepDir
from sweeps.rows import TrialRow
from sweeps.spaces.overrides import Overrides, apply
from sweeps.table import score_names, show_overrides
from sweeps.tables.show import cell
from sweeps.trials import in_group
from trainer.runs.config import RunConfig
from trainer.runs.opened import open_run
from trainer.runs.preset_file import write_preset_file
from trainer.runs.rundir import RunDir

_OWN = "preset"
_console = make_console()


@dataclass(frozen=True, kw_only=True)
class _Contender:
    """A configuration that is judged."""

    name: str
    changes: str
    config: RunConfig


def finals_of(folder: SweepDir) -> Path:
    """Where the runs of the best lie."""
    return folder.path / "finals"


def run_finals(folder: SweepDir, sweep: Sweep, best: Sequence[TrialRow], *, seeds: int, num_procs: int) -> int:
    """Train what is not finished, and print mean ± spread. Returns the exit status.

    Of several seeds, all configurations are trained with one before the next.

    Raises:
        ConfigError: a run of the same name was begun with other settings.
    """
    contenders = _contenders(folder, sweep, best)
    finals_of(folder).mkdir(exist_ok=True)
    failed = []
    for number in range(seeds):
        for contender in contenders:
            run = finals_of(folder) / f"{contender.name}-seed{number}"
            _console.rule(f"{run.name}, seed {number + 1} of {seeds}")
            status = _finish(RunDir(run), contender, number, sweep, num_procs=num_procs)
            if was_stopped(status):
                _console.print("stopped and saved; the same command continues it.")
                return status
            failed += [run.name] * (status != 0)
    _show(folder, sweep, contenders, seeds=seeds)
    if failed:
        _console.print(f"failed: {', '.join(failed)}; the same command continues them.")
    return 1 if failed else 0


def _contenders(folder: SweepDir, sweep: Sweep, best: Sequence[TrialRow]) -> list[_Contender]:
    """The preset's own configuration first, unless it is among the best."""
    config = in_group(sweep.config, f"{folder.path.name}-finals")
    all_changes: dict[str, Overrides] = {_OWN: {}} | {row.trial: row.overrides for row in best}
    found = [
        _Contender(name=name, changes=show_overrides(changes, sweep) or "as it is", config=apply(config, changes))
        for name, changes in all_changes.items()
    ]
    is_among = any(contender.config == found[0].config for contender in found[1:])
    return found[is_among:]


def _finish(run: RunDir, contender: _Contender, number: int, sweep: Sweep, *, num_procs: int) -> int:
    """Train and score a run, from where it was stopped. Returns the exit status."""
    seed = contender.config.train.seed + number
    config = replace(contender.config, train=replace(contender.config.train, seed=seed))
    config = replace(config, log=replace(config.log, wandb_name=f"{run.path.name} {contender.changes}"))
    if not run.run_file.is_file():
        file = run.path.with_suffix(".json")
        write_preset_file(file, config, about=f"{contender.name}: {contender.changes}")
        arguments = [str(file), "--name", run.path.name, "--runs", str(run.path.parent)]
    else:
        require_same_config(run, config, field="sweep")
        if run.is_finished(open_run(run).subject.final_split):
            return 0
        arguments = ["--resume", str(run.path)]
    start = sweep.folder if sweep.folder.is_dir() else Path.cwd()  # relative paths of the configuration begin there
    return run_to_end(module_command("launch.cli", "train", *arguments, "--num-procs", str(num_procs)), folder=start)


def _scores(run: RunDir) -> tuple[str, Mapping[str, float]] | None:
    """The split that ends a run, and its scores; None if it is not scored."""
    if not run.run_file.is_file():
        return None
    split = open_run(run).subject.final_split
    scored = run.evaluations().get(split)
    return None if scored is None else (split, scored["scores"])


def _show(folder: SweepDir, sweep: Sweep, contenders: Sequence[_Contender], *, seeds: int) -> None:
    """Print the table, and write it beside the runs."""
    splits: set[str] = set()
    lines = []
    for contender in contenders:
        found = [_scores(RunDir(finals_of(folder) / f"{contender.name}-seed{number}")) for number in range(seeds)]
        splits |= {split for split, _ in filter(None, found)}
        scores = [scores for _, scores in filter(None, found)]
        cells = [cell(key, scores, seeds=seeds, digits=score.digits) for key, score in sweep.objectives.items()]
        lines.append([contender.name, contender.changes, *cells])
    title = f"split {' and '.join(sorted(splits))}, mean ± sample standard deviation over {seeds} seeds"
    titles = ["", "changes", *score_names(sweep)]
    shown = Table(title=Text(title), title_justify="left")
    for name in titles:
        shown.add_column(name, justify="left" if name in titles[:2] else "right")
    for line in lines:
        shown.add_row(*map(Text, line))
    _console.print(shown)
    text = "\n".join([f"# {markdown_text(folder.path.name)}", "", f"{title}.", "", *markdown_table(titles, lines)])
    write_atomically(finals_of(folder) / "finals.md", f"{text}\n".encode())

"""What a sweep is, and where it lies. Imports neither ray nor torch.

sweep-runs/<name>/
    sweep.json          all settings: enough to resume the sweep
    trials/<name>/      the run directory of each trial, as `diptych train` makes them
    records/<name>      .json: how the trial stands; .txt: what its failures had to say
    population.json     of population-based training: who took over whose weights, and when
    ray.log             what Ray has to say
    report.json         all trials, furthest and best first
    report.md           the same for people
    results.parquet     the same as a table; sweep.html: all on one page, renewed while the sweep runs
    best.json, finals/  the best as a preset, and its runs with several seeds: `diptych sweep best`

Ray and Tune keep their own files in a folder of this machine that ends with them: nothing of theirs is read back.
"""

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Literal

from sharding.console import command_line
from sharding.storage.lock import only_process
from sharding.storage.records import MEBIBYTE, RecordError, read_record
from sharding.storage.typed import NO_OTHERS, adapter_of
from sweeps.resources import Resources
from sweeps.spaces.catalogue import FORMER
from sweeps.spaces.overrides import Overrides
from sweeps.spaces.space import MOST_CELLS, Space, draw, grid, own_values
from sweeps.spaces.text import parse_domain, show_domain
from trainer.config.bounds import AtLeast, AtLeastOne, MoreThan, Share
from trainer.config.errors import ConfigError
from trainer.config.section import check_bounds
from trainer.evaluation.score import Score
from trainer.evaluation.scores import find_key
from trainer.runs.config import RunConfig
from trainer.runs.formats import FORMAT_KEY, SWEEP
from trainer.runs.rundir import RunDir

Algorithm = Literal["asha", "random", "grid", "tpe", "pbt"]
_BOUNDS = (AtLeast(1, "use 1 or more."), AtLeast(1, "use 10000 or fewer.", most=MOST_CELLS))
NumTrials = Annotated[int, *_BOUNDS]
NumTrialsOrAll = Annotated[int | None, *_BOUNDS]
ReductionFactor = Annotated[int, AtLeast(2, "use 2 or more.")]
Quantile = Annotated[float, MoreThan(0, "use a share of more than 0, to 0.5.", most=0.5)]
Seed = Annotated[int, AtLeast(0, "use 0 or more.")]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """All settings of a sweep."""

    __pydantic_config__ = NO_OTHERS

    preset: str
    config: RunConfig
    """What all trials have in common."""
    asked: Overrides | None
    """What the user changed of the preset: all that differs in `config` and is not there to make trials small. None of
    a sweep of a former version, which did not note it."""
    space: str
    """What it is called."""
    domains: dict[str, str] | None = None
    """Of each path that varies, as `parse_domain` reads it; None of a sweep of a former version, which noted the name
    of the space alone."""
    conditions: dict[str, dict[str, tuple[Any, ...]]] = field(default_factory=dict)
    """Of paths that have an effect only beside certain values of others; see `Space`."""
    scales: dict[str, float] = field(default_factory=dict)
    """What values of a path are multiplied by to train in full: of widths, which were made small for all trials and
    vary around that."""
    algorithm: Algorithm = "asha"
    """`asha` and `random` draw configurations evenly from the space, `grid` tries all, `tpe` proposes what is like the
    best of those that ended; `asha` alone stops trials early. In `pbt` the worst take over the weights of the best."""
    metric: str
    """Of the validation split."""
    second_metric: str | None = None
    """Another, where no single one says what is best: then those are best that no other trial beats in both."""
    num_trials: NumTrials
    num_reports: AtLeastOne
    """How often a trial is scored, over its whole length."""
    reduction_factor: ReductionFactor
    """Of the trials that reach a rung, one in so many goes on; each rung is so many times further than the last."""
    quantile: Quantile = 0.25
    """PBT: the share of trials that take over at each report, and from which."""
    resample: Share = 0.25
    """PBT: how likely it is that a value is drawn anew then, in place of being perturbed."""
    ranks_per_trial: AtLeastOne
    resources: Resources
    seed: Seed
    """Of the search."""
    command: list[str]
    folder: Path
    """Where it was started: relative paths of `config` begin here."""

    def __post_init__(self) -> None:
        check_bounds(self)

    @property
    def total(self) -> int:
        """Images of a whole trial."""
        return self.config.train.total_images

    @property
    def report_period(self) -> int:
        """Images from one score to the next, which is also where the first rung stands."""
        return max(1, self.total // self.num_reports)

    @property
    def score(self) -> Score:
        """What the metric is, and which way it is better."""
        return find_key(self.metric)

    @property
    def objectives(self) -> dict[str, Score]:
        """What trials are compared by, by key: one score, or two."""
        return {key: find_key(key) for key in (self.metric, self.second_metric) if key is not None}

    @cached_property
    def search_space(self) -> Space:
        """Raises ValueError for a domain that means nothing."""
        if self.domains is None:
            return FORMER[self.space]
        domains = {path: parse_domain(text) for path, text in self.domains.items()}
        return Space(domains, self.conditions)

    @cached_property
    def configurations(self) -> list[dict[str, Any] | None]:
        """What each trial changes; None where earlier trials decide that.

        First the configuration's own values, to compare with, if the space holds them.
        """
        own = own_values(self.search_space, self.config)
        if self.algorithm == "grid":
            return [*grid(self.search_space, first=own)]
        first = [] if own is None else [own]
        num = self.num_trials - len(first)
        if self.algorithm == "tpe":
            return [*first, *[None] * num]
        return [*first, *draw(self.search_space, num=num, seed=self.seed)]

    def trials(self) -> dict[str, dict[str, Any] | None]:
        """The configurations by their trials' names, which are the same whenever the sweep is resumed."""
        return {f"{number:03d}": overrides for number, overrides in enumerate(self.configurations)}


@dataclass(frozen=True)
class SweepDir:
    """Paths of one sweep."""

    path: Path

    @property
    def sweep_file(self) -> Path:
        return self.path / "sweep.json"

    @property
    def trials(self) -> Path:
        return self.path / "trials"

    @property
    def records(self) -> Path:
        return self.path / "records"

    @property
    def population(self) -> Path:
        return self.path / "population.json"

    @property
    def ray_log(self) -> Path:
        return self.path / "ray.log"

    @property
    def report_json(self) -> Path:
        return self.path / "report.json"

    @property
    def report_markdown(self) -> Path:
        return self.path / "report.md"

    @property
    def results(self) -> Path:
        return self.path / "results.parquet"

    @property
    def page(self) -> Path:
        return self.path / "sweep.html"

    def only_process(self) -> AbstractContextManager[int]:
        """Run it in no other process meanwhile. Raises ConfigError, which names the process that does."""
        return only_process(self.path, refuse=partial(ConfigError, "resume", str(self.path)))

    def run(self, trial: str) -> RunDir:
        return RunDir(self.trials / trial)

    def record(self, trial: str) -> Path:
        return self.records / f"{trial}.json"

    def errors(self, trial: str) -> Path:
        """Each failure of a trial's ranks."""
        return self.records / f"{trial}.txt"

    def create(self, sweep: Sweep) -> None:
        """Make the directory with its sweep.json, also anew where a sweep was of which no trial has begun.

        Raises:
            ConfigError: it is there already, or cannot be written.
        """
        if self.path.exists() and not self._waits_for_its_first_trial():
            resume = command_line("diptych", "sweep", "--resume", self.path)
            raise ConfigError("name", str(self.path), f"exists; choose another --name, or continue it with: {resume}")
        try:
            self.trials.mkdir(parents=True, exist_ok=True)
            self.records.mkdir(exist_ok=True)
            SWEEP.write(self.sweep_file, adapter_of(Sweep).dump_python(sweep, mode="json"))
        except OSError as error:
            raise ConfigError("sweeps", str(self.path), f"cannot be written: {error.strerror}; use another.") from error

    def _waits_for_its_first_trial(self) -> bool:
        """Whether a sweep failed here before it did anything: such a one does not keep its name."""
        folders = (self.trials, self.records)
        if not self.sweep_file.is_file() or any(folder.is_symlink() or not folder.is_dir() for folder in folders):
            return False
        return not any(entry for folder in folders for entry in folder.iterdir())

    def sweep(self) -> Sweep:
        """The settings that it was started with. Raises ConfigError unless this version can read them."""
        try:
            record = SWEEP.read(read_record(self.sweep_file, most=MEBIBYTE), path=self.sweep_file)
        except (FileNotFoundError, NotADirectoryError):
            remedy = "holds no sweep.json; give the folder of a sweep, e.g. sweep-runs/NAME."
            raise ConfigError("resume", str(self.path), remedy) from None
        except RecordError as error:
            raise ConfigError("resume", str(self.sweep_file), f"{error}. Put a copy of it there.") from error
        from pydantic import ValidationError

        del record[FORMAT_KEY]
        try:
            return adapter_of(Sweep).validate_json(json.dumps(record))
        except ValidationError as error:
            raise ConfigError("resume", str(self.sweep_file), f"does not fit this version: {error}") from error


def written(space: Space) -> dict[str, Any]:
    """A space as the fields of a `Sweep` that keep it."""
    domains = {path: show_domain(domain) for path, domain in space.domains.items()}
    return {"domains": domains, "conditions": {path: dict(only) for path, only in space.conditions.items()}}

"""Population-based training with Ray: the worst goes on with the weights of the best, after a killed driver too."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch

from sweeps.plan import SweepDir
from sweeps.population import Population, planned_values, read_population
from sweeps.takeover import MARK
from tests.integration.test_sweep import PATIENCE_S, SWEEP, SweepProcess, start  # noqa: F401  a fixture
from trainer.checkpoints.layout import folder_of, read_state
from trainer.engine.stored_weights import read_weights
from trainer.monitoring.metrics_file import read_metrics

pytestmark = [pytest.mark.slow, pytest.mark.soak]

PERIOD, TOTAL = 8, 32
RATE = "optimizer.lr"
SETTINGS = SWEEP | {
    "algorithm": "pbt",
    "name": "population",
    "num-trials": 3,
    "quantile": 0.34,
    "max-concurrent": 1,
    "ranks-per-trial": 1,
    "cpus-per-rank": 1,
    "num-reports": TOTAL // PERIOD,
    "vary": f"{RATE}=log:1e-4..2e-3",
    "train.total-kimg": TOTAL / 1000,
    "optimizer.schedule": "constant",
    "log.wandb": "disabled",
    "log.period-kimg": PERIOD / 1000,
    "checkpoint.keep": TOTAL // PERIOD,
}


@pytest.mark.timeout(2 * PATIENCE_S)
def test_the_worst_goes_on_with_the_weights_of_the_best(start, tmp_path: Path, tiny_dataset: Path) -> None:  # noqa: F811
    folder = SweepDir(tmp_path / "population")
    process: SweepProcess = start(SETTINGS | {"data.path": tiny_dataset, "sweeps": tmp_path})
    process.wait_until(folder.population.exists)
    process.kill()
    before = read_population(folder, folder.sweep())
    assert 0 < before.decided < TOTAL - PERIOD, "the sweep was nearly over before it was killed"

    process = start({"resume": folder.path})
    assert process.wait() == 0, process.output.read_text()
    sweep, population = folder.sweep(), read_population(folder, folder.sweep())
    assert population.exploits[: len(before.exploits)] == before.exploits
    assert population.decided == TOTAL - PERIOD
    assert len(population.exploits) == TOTAL // PERIOD - 1
    planned = planned_values(sweep)
    for name, values in population.values(planned).items():
        own = folder.run(name)
        metrics = read_metrics(own.metrics_file)
        assert [line["position"] for line in metrics if "eval/psnr" in line] == list(range(PERIOD, TOTAL + 1, PERIOD))
        rates = {line["position"]: line["lr"] for line in metrics if "lr" in line}
        assert rates == pytest.approx(rates_of(population, name, planned[name][RATE]))
        assert own.config().optimizer.lr == values[RATE]
        taken = [exploit for exploit in population.exploits if exploit.trial == name]
        assert [line["position"] for line in metrics if MARK in line] == [exploit.position for exploit in taken]
    for exploit in population.exploits:
        assert 1e-4 <= exploit.values[RATE] <= 2e-3
        taken, donors = (
            folder_of(folder.run(name).checkpoints, exploit.position) for name in (exploit.trial, exploit.donor)
        )
        assert read_state(taken).files == read_state(donors).files
        for player in ("generator", "discriminator"):
            weights = [read_weights(path / player, num_ranks=1) for path in (taken, donors)]
            assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())
    # what was taken was trained on, each in its own way
    for name in planned:
        states = [read_state(folder_of(folder.run(name).checkpoints, at)) for at in range(PERIOD, TOTAL + 1, PERIOD)]
        assert all(one.files != other.files for one, other in pairwise(states))


def rates_of(population: Population, name: str, rate: float) -> dict[int, float]:
    """Images -> the rate of the steps up to there."""
    changes = {exploit.position: exploit.values[RATE] for exploit in population.exploits if exploit.trial == name}
    rates: dict[int, float] = {}
    for position in range(PERIOD, TOTAL + 1, PERIOD):
        rate = changes.get(position - PERIOD, rate)
        rates[position] = rate
    return rates

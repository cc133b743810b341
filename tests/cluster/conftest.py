"""Machines for tests of several: made once for each file of tests, skipped with a reason where there can be none."""

from collections.abc import Iterator

import pytest

from tests.cluster.namespaces import Machine, make_machines, missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/cluster/" in item.nodeid:
            item.add_marker(pytest.mark.cluster)
            # Slurm's tests wait most of the time, so they go beside the others, which cannot go beside each other.
            item.add_marker(pytest.mark.xdist_group("slurm" if "test_slurm" in item.nodeid else "machines"))


@pytest.fixture(scope="session")
def _can_have_machines() -> str:
    return missing()


@pytest.fixture(scope="module")
def machines(_can_have_machines: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Machine]]:
    """Three machines, n1 to n3, at 10.77.0.1 to 3. Tests leave them as they found them: connected, nothing running."""
    if _can_have_machines:
        pytest.skip(_can_have_machines)
    with make_machines(3, tmp_path_factory.mktemp("machines")) as made:
        yield made

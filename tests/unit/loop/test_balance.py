"""What is said of ranks of which one is slow."""

from trainer.engine.phases import Phase
from trainer.loop.balance import Balance

EVEN: dict[Phase, float] = {
    "data": 0.01,
    "forward": 0.1,
    "backward": 0.2,
    "communication": 0.3,
    "update": 0.02,
    "rest": 0.01,
}


def test_the_slowest_rank_is_named_with_its_host_and_what_takes_its_time() -> None:
    slow: dict[Phase, float] = {**EVEN, "data": 0.31, "communication": 0.0}
    balance = Balance(ranks=[EVEN, slow, EVEN], hosts=["n1", "n2", "n3"])
    assert balance.slowest[0] == 1
    assert round(balance.ratio(1), 3) == round(0.64 / 0.34, 3)
    line = str(balance)
    assert line.startswith("slowest of 3 ranks: 1 on n2 1.88x; s/step (fastest): data 0.310 (0.010), forward 0.100")
    assert "then" not in line
    metrics = balance.metrics()
    assert (metrics["ranks/data_s/1"], metrics["ranks/data_s/0"], metrics["ranks/slowest"]) == (0.31, 0.01, 1)


def test_of_many_ranks_the_slowest_are_in_the_metrics() -> None:
    ranks: list[dict[Phase, float]] = [{**EVEN, "forward": 0.1 * (1 + rank)} for rank in range(64)]
    metrics = Balance(ranks=ranks, hosts=["n1"] * 64).metrics()
    assert len(metrics) == 16 * 6 + 2
    assert "ranks/forward_s/63" in metrics
    assert "ranks/forward_s/47" not in metrics

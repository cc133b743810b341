"""Which host gets which ranks."""

import pytest

from launch.hosts.host import Host, share_ranks
from trainer.config.errors import ConfigError

HOSTS = [Host("n1", 2), Host("n2", 1), Host("n3", 4)]


def test_every_slot_gets_a_rank_host_by_host() -> None:
    shares = share_ranks(HOSTS)
    assert [(share.host, list(share.ranks)) for share in shares] == [("n1", [0, 1]), ("n2", [2]), ("n3", [3, 4, 5, 6])]


def test_fewer_ranks_than_slots_leave_the_last_hosts_without_any() -> None:
    assert [(share.host, share.num_ranks) for share in share_ranks(HOSTS, num_ranks=3)] == [("n1", 2), ("n2", 1)]


@pytest.mark.parametrize("num_ranks", [0, 8])
def test_a_number_that_no_hosts_could_hold_is_refused(num_ranks: int) -> None:
    with pytest.raises(ConfigError, match="use 1 to 7"):
        share_ranks(HOSTS, num_ranks=num_ranks)

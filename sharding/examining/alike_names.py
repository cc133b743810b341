"""Names of samples that tell of one scene, film or patient in two splits: equal but for a last number."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
_MOST_GROUPS = 100_000
"""Where there are more, names tell nothing that memory should be spent on."""
_LEAST_GROUPS = 3
_MOST_EXAMPLES = 20


@dataclass(frozen=True, kw_only=True)
class AlikeNames:
    """Samples of a split whose names begin as others of train do."""

    split: str
    num_samples: int
    """Of the split, with such a name."""
    num_groups: int
    """Beginnings of names that both have, of those that have several samples."""
    examples: list[tuple[str, str]]
    """A name of the split, and one of train."""


def find_alike_names(names: Iterable[tuple[str, str, str]], *, within: str = "train") -> list[AlikeNames]:
    """Splits that share groups of names with `within`. Names of one or two groups, as cat_001, dog_001, tell nothing.

    Args:
        names: split, view in an unpaired set (else all alike), and key of each sample.
    """
    groups: dict[tuple[str, str], dict[str, list]] = defaultdict(dict)
    for split, view, key in names:
        begin = _LAST_NUMBER.sub("#", key)
        if begin == key:
            continue
        count = groups[view, begin].setdefault(split, [0, key])
        count[0] += 1
        if len(groups) > _MOST_GROUPS:
            return []
    several = {begin: group for begin, group in groups.items() if sum(count for count, _ in group.values()) > 1}
    numbers = Counter(view for view, _ in several)
    several = {(view, begin): group for (view, begin), group in several.items() if numbers[view] >= _LEAST_GROUPS}
    others = sorted({split for group in several.values() for split in group} - {within})
    return [found for split in others if (found := _shared(several, split, within)).num_groups]


def _shared(groups: dict[tuple[str, str], dict[str, list]], split: str, within: str) -> AlikeNames:
    shared = [group for group in groups.values() if split in group and within in group]
    return AlikeNames(
        split=split,
        num_samples=sum(group[split][0] for group in shared),
        num_groups=len(shared),
        examples=[(group[split][1], group[within][1]) for group in shared[:_MOST_EXAMPLES]],
    )

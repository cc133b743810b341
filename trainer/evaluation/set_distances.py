"""How far two sets of images are from each other, by their features: the arithmetic of the scores of sets.

Features are float64 on the CPU, one row an image.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

SUBSETS = 100
LARGEST_SUBSET = 1000  # images, as Bińkowski et al. have it
NEIGHBOURS, MOST_NEIGHBOURS = 3, 5
_ROWS = 1024
"""At once where all pairs of images are looked at, which bounds the memory."""


def frechet_distance(fakes: Tensor, reals: Tensor) -> float:
    """The squared Fréchet distance of two normal distributions: |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½).

    Heusel et al. 2017 (arXiv:1706.08500), equation 6, with unbiased covariances, as the published code. The trace of
    the root is the sum of the singular values of A B', where A'A = C1 and B'B = C2: exact also where there are fewer
    images than features, and faster than the root of a matrix.

    Args:
        fakes: (N, D), N of 2 or more.
        reals: (M, D), likewise.

    Returns:
        0 or more; biased upward, the more the fewer images.
    """
    root_1, root_2 = _root_of_covariance(fakes), _root_of_covariance(reals)
    shift = (fakes.mean(dim=0) - reals.mean(dim=0)).square().sum()
    cross = torch.linalg.svdvals(root_1 @ root_2.T).sum()
    return max((shift + root_1.square().sum() + root_2.square().sum() - 2 * cross).item(), 0.0)


def _root_of_covariance(features: Tensor) -> Tensor:
    """(N, D) -> (min(N, D), D), whose product with itself is the covariance."""
    centred = (features - features.mean(dim=0)) / (len(features) - 1) ** 0.5
    return torch.linalg.qr(centred, mode="r").R if len(centred) > centred.shape[1] else centred


def subset_size(num_fakes: int, num_reals: int) -> int:
    """Images of each subset of which the kernel distance is taken: at most half of the smaller set."""
    return min(LARGEST_SUBSET, num_fakes // 2, num_reals // 2)


def kernel_distances(fakes: Tensor, reals: Tensor, *, size: int, subsets: int = SUBSETS) -> Tensor:
    """The squared maximum mean discrepancy of random subsets of both, with the cubic kernel (x·y / D + 1)³.

    Bińkowski et al. 2018 (arXiv:1801.01401), section 4: unbiased, so it may be below 0. The subsets are the same at
    each call.

    Args:
        fakes: (N, D).
        reals: (M, D).
        size: of the subsets, 2 or more.

    Returns:
        (subsets,); KID is their mean.
    """
    generator = torch.Generator().manual_seed(0)

    def draw(features: Tensor) -> Tensor:
        return features[torch.randperm(len(features), generator=generator)[:size]]

    return torch.stack([_discrepancy(draw(fakes), draw(reals)) for _ in range(subsets)])


def _discrepancy(fakes: Tensor, reals: Tensor) -> Tensor:
    return (
        _mean_of_others(kernel(fakes, fakes)) + _mean_of_others(kernel(reals, reals)) - 2 * kernel(fakes, reals).mean()
    )


def kernel(one: Tensor, other: Tensor) -> Tensor:
    """(N, D) and (M, D) -> (N, M): (x·y / D + 1)³ of each pair."""
    return (one @ other.T / one.shape[1] + 1) ** 3


def _mean_of_others(kernel: Tensor) -> Tensor:
    """Over all pairs of two different images."""
    return (kernel.sum() - kernel.trace()) / (len(kernel) * (len(kernel) - 1))


@dataclass(frozen=True, kw_only=True)
class Neighbourhoods:
    """What each image of two sets has to do with the balls around those of the other, one number an image.

    A ball reaches from an image to the k-th nearest other one of its own set. The scores are means over images.
    """

    precise: Tensor
    """(N,) of fakes: 1 in a ball of a real image (Kynkäänniemi et al. 2019, arXiv:1904.06991, equation 1; k = 3)."""
    recalled: Tensor
    """(M,) of real images: 1 in a ball of a fake; likewise."""
    dense: Tensor
    """(N,) of fakes: in how many balls of real ones, by k (Naeem et al. 2020, arXiv:2002.09797, equation 3; k = 5)."""
    covered: Tensor
    """(M,) of real images: 1 with a fake in its ball (equation 4; k = 5)."""


def neighbourhoods(fakes: Tensor, reals: Tensor) -> Neighbourhoods:
    """Args: fakes: (N, D). reals: (M, D); of both more than `MOST_NEIGHBOURS`."""
    few, many = NEIGHBOURS, MOST_NEIGHBOURS
    around_reals, around_fakes = radii(reals, neighbours=many), radii(fakes, neighbours=few)[:, few - 1]
    precise, dense = [], []
    recalled, nearest = torch.zeros(len(reals)), torch.full_like(reals[:, 0], torch.inf)
    for part, radius in zip(fakes.split(_ROWS), around_fakes.split(_ROWS), strict=True):
        distances = _distances(part, reals)
        precise.append((distances <= around_reals[:, few - 1]).any(dim=1))
        dense.append((distances <= around_reals[:, many - 1]).sum(dim=1).double() / many)
        recalled = recalled.maximum((distances <= radius[:, None]).any(dim=0).float())
        nearest = nearest.minimum(distances.amin(dim=0))
    return Neighbourhoods(
        precise=torch.cat(precise).double(),
        recalled=recalled.double(),
        dense=torch.cat(dense),
        covered=(nearest <= around_reals[:, many - 1]).double(),
    )


def radii(features: Tensor, *, neighbours: int) -> Tensor:
    """(N, D) -> (N, k): how far the nearest, second nearest, ... other image is from each; k is less than N."""
    parts = features.split(_ROWS)
    nearest = torch.cat([_distances(part, features).topk(neighbours + 1, largest=False).values for part in parts])
    return nearest[:, 1:]  # the first is the image itself


def _distances(points: Tensor, features: Tensor) -> Tensor:
    """(N, D) and (M, D) -> (N, M); by differences: by products, two equal images would not be at 0."""
    return torch.cdist(points, features, compute_mode="donot_use_mm_for_euclid_dist")

"""Which of several things belongs to which, told by their codes."""

import torch
import torch.nn.functional as F
from torch import Tensor


def patch_nce(query: Tensor, key: Tensor, *, temperature: float) -> Tensor:
    """Mean cross-entropy of telling each patch's own key from the others of its image (Park et al. 2020, equation 4).

    Codes are compared by their directions: -log(exp(q k+ / tau) / sum_k exp(q k / tau)), the sum over all S keys of the
    image, so that no other image, nor any rank, is asked.

    Args:
        query: (N, S, C) codes of S patches of generated images.
        key: the same of the patches at the same places of their inputs; a gradient ends here.
        temperature: tau.
    """
    query, key = F.normalize(query, dim=-1), F.normalize(key.detach(), dim=-1)
    logits = query @ key.transpose(1, 2) / temperature
    own = torch.arange(query.shape[1], device=query.device).expand(len(query), -1)
    return F.cross_entropy(logits.flatten(0, 1), own.flatten())

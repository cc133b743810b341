"""Gaussian codes of images (Kingma & Welling 2014, arXiv:1312.6114)."""

from torch import Tensor


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL of N(mean, variance) from N(0, I): sum over a code's dimensions, mean over codes (appendix B).

    -1/2 sum_j (1 + log s_j^2 - m_j^2 - s_j^2), in nats.

    Args:
        mean: (N, ...).
        log_variance: log s^2, of the same shape.
    """
    terms = -0.5 * (1 + log_variance - mean.square() - log_variance.exp())
    return terms.flatten(1).sum(dim=1).mean()


def sample_gaussian(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """z = mean + s * noise (section 2.4): differentiable by mean and s where the noise is N(0, 1)."""
    return mean + (0.5 * log_variance).exp() * noise

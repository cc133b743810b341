"""Feature loss + GAN: SimGAN's loss on deep features (Zhu et al. 2017, arXiv:1703.10593, section 5.1.1)."""

from trainer.config.method import Task
from trainer.methods.base import Method
from trainer.methods.feature_gan.config import FeatureGANConfig
from trainer.methods.shared.content_gan import ContentGAN
from trainer.methods.shared.feature_distance import FeatureDistance


def build(config: FeatureGANConfig, task: Task) -> Method:
    """The output stays near its input in the features of a fixed network, which weight 0 does without.

    Raises:
        ConfigError: the network's weights are not there.
    """
    distance = FeatureDistance.make(config.pretrained, weight=config.weight_feature)
    return ContentGAN(config, task, term="feature", weight=config.weight_feature, distance=distance)

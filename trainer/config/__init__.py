"""The configuration of a run: frozen dataclasses that validate themselves, and nothing else.

Imports neither torch nor deepspeed, so that a mistake on the command line is answered at once. Each section belongs
to one component, which receives that section only. The docstring under a field is its help text on the command line.
"""

from trainer.config.adversarial import AdversarialConfig
from trainer.config.data import DataConfig, DegradeConfig, JitterConfig, Pairing, Resize, Size
from trainer.config.errors import ConfigError
from trainer.config.latent import DecoderConfig, DiscriminatorConfig, EncoderConfig
from trainer.config.networks import GeneratorConfig, Norm, PatchGANConfig, Skips
from trainer.config.pretrained import PretrainedConfig
from trainer.config.training import EngineConfig, LogConfig, OptimizerConfig, Precision, TrainConfig
from trainer.methods.autoencoder.config import AutoencoderConfig
from trainer.methods.bigan.config import BiGANConfig
from trainer.methods.bigan_image.config import BiGANImageConfig
from trainer.methods.caae.config import CAAEConfig
from trainer.methods.cgan.config import CGANConfig
from trainer.methods.cogan.config import CoGANConfig
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.methods.discogan.config import DiscoGANConfig, FeatureDiscriminatorConfig
from trainer.methods.dualgan.config import DualGANConfig
from trainer.methods.feature_gan.config import FeatureGANConfig
from trainer.methods.gan.config import GANConfig
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.pixel_gan.config import PixelGANConfig
from trainer.methods.vae.config import VAEConfig
from trainer.methods.vaegan.config import VAEGANConfig
from trainer.runs.config import MethodConfig, RunConfig, config_from_dict, config_to_dict

__all__ = [
    "AdversarialConfig",
    "AutoencoderConfig",
    "BiGANConfig",
    "BiGANImageConfig",
    "CAAEConfig",
    "CGANConfig",
    "CoGANConfig",
    "ConfigError",
    "CycleGANConfig",
    "DataConfig",
    "DecoderConfig",
    "DegradeConfig",
    "DiscoGANConfig",
    "DiscriminatorConfig",
    "DualGANConfig",
    "EncoderConfig",
    "EngineConfig",
    "FeatureDiscriminatorConfig",
    "FeatureGANConfig",
    "GANConfig",
    "GeneratorConfig",
    "JitterConfig",
    "LogConfig",
    "MethodConfig",
    "Norm",
    "OptimizerConfig",
    "Pairing",
    "PatchGANConfig",
    "Pix2PixConfig",
    "PixelGANConfig",
    "Precision",
    "PretrainedConfig",
    "Resize",
    "RunConfig",
    "Size",
    "Skips",
    "TrainConfig",
    "VAEConfig",
    "VAEGANConfig",
    "config_from_dict",
    "config_to_dict",
]

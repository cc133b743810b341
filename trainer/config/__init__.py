"""The configuration of a run: frozen dataclasses that validate themselves, and nothing else.

Imports neither torch nor deepspeed, so that a mistake on the command line is answered at once. Each section belongs
to one component, which receives that section only. The docstring under a field is its help text on the command line.
"""

from trainer.config.adversarial import AdversarialConfig
from trainer.config.data import DataConfig, DegradeConfig, JitterConfig, Pairing, Resize, Size
from trainer.config.errors import ConfigError
from trainer.config.latent import DecoderConfig, DiscriminatorConfig, EncoderConfig
from trainer.config.methods.autoencoder import AutoencoderConfig
from trainer.config.methods.bigan import BiGANConfig
from trainer.config.methods.bigan_image import BiGANImageConfig
from trainer.config.methods.caae import CAAEConfig
from trainer.config.methods.cgan import CGANConfig
from trainer.config.methods.cogan import CoGANConfig
from trainer.config.methods.cyclegan import CycleGANConfig
from trainer.config.methods.discogan import DiscoGANConfig, FeatureDiscriminatorConfig
from trainer.config.methods.dualgan import DualGANConfig
from trainer.config.methods.feature_gan import FeatureGANConfig, PretrainedConfig
from trainer.config.methods.gan import GANConfig
from trainer.config.methods.pix2pix import Pix2PixConfig
from trainer.config.methods.pixel_gan import PixelGANConfig
from trainer.config.methods.vae import VAEConfig
from trainer.config.methods.vaegan import VAEGANConfig
from trainer.config.networks import GeneratorConfig, Norm, PatchGANConfig, Skips
from trainer.config.run import MethodConfig, RunConfig, config_from_dict, config_to_dict
from trainer.config.training import EngineConfig, LogConfig, OptimizerConfig, Precision, TrainConfig

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

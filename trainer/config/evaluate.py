"""How often a run is scored on its way, and by whose features."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from trainer.config.bounds import Period
from trainer.config.encoders import EncoderName, check_weights
from trainer.config.section import Section


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Section):
    """Scores while a run trains, with curves in the report, and at its end."""

    period_kimg: Period = 0.0
    """Thousands of training images from one score on the validation split to the next; 0 is never. The test split is
    scored once at the end."""
    encoder: EncoderName | Literal["none"] = "efficientnet-lite0"
    """Network by whose features sets of images are compared (Fréchet and kernel distance, precision, recall, ...). It
    is part of the scores' names; none leaves them out. those of `docs/scores.md` whose weights
    you have need `encoder_weights`."""
    encoder_weights: Path | None = None
    """File with the weights of an encoder that does not come with the installation (`docs/scores.md`). Its SHA-256 is
    noted as the run begins, and another file is refused from then on."""
    encoded: Literal["auto", "end", "always"] = "auto"
    """When these scores are found, which take a twentieth of a second an image on a CPU core: at the end of the run, or
    always, at each `period_kimg`, too. auto: at the end of runs of which nothing else says whether they are good, as no
    truth is known or images are drawn from noise. `diptych evaluate` finds them of any run."""

    fcn: Path | None = None
    """File of `diptych fcn train`, of runs that make photos of labels: each `period_kimg` its network looks for the
    labels in the watched split's photos (`docs/segmentation.md`). Its SHA-256 is noted, too. `diptych evaluate --fcn`
    scores the test split."""

    def check_fields(self) -> None:
        """Raise ConfigError for an encoder without its file, or a file without its encoder."""
        check_weights(self.encoder, self.encoder_weights, field="encoder_weights")

    @property
    def named(self) -> EncoderName | None:
        """The encoder, if there is one."""
        return None if self.encoder == "none" else self.encoder

    def asked_for(self, encoder: EncoderName | Literal["none"] | None, weights: Path | None) -> "EvaluateConfig":
        """The section with another encoder, or another place of its file, where they are given.

        Raises:
            ConfigError: an encoder without its file, or a file without its encoder.
        """
        name = encoder or self.encoder
        file = weights or (self.encoder_weights if name == self.encoder else None)
        check_weights(name, file, field="encoder_weights")
        return replace(self, encoder=name, encoder_weights=file)

    def at_the_end(self, *, judged: bool) -> EncoderName | None:
        """The encoder whose scores end a run, if there is one.

        Args:
            judged: whether other scores say how good it is.
        """
        return None if self.encoded == "auto" and judged else self.named

    @property
    def on_the_way(self) -> EncoderName | None:
        """The encoder by which the watched split is scored while a run goes on, if by any."""
        return self.named if self.encoded == "always" else None

"""How often a run is scored on its way, and by whose features."""

from dataclasses import dataclass
from typing import Literal

from trainer.config.bounds import Period
from trainer.config.encoders import EncoderName
from trainer.config.section import Section


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Section):
    """Scores while a run trains, with curves in the report, and at its end."""

    period_kimg: Period = 0.0
    """Thousands of training images from one score on the validation split to the next; 0 is never. The test split is
    scored once at the end."""
    encoder: EncoderName | Literal["none"] = "efficientnet-lite0"
    """Network by whose features sets of images are compared (Fréchet and kernel distance, precision, recall, ...). It
    is part of the scores' names; none leaves them out."""
    encoded: Literal["auto", "end", "always"] = "auto"
    """When these scores are found, which take a twentieth of a second an image on a CPU core: at the end of the run, or
    always, at each `period_kimg`, too. auto: at the end of runs of which nothing else says whether they are good, as no
    truth is known or images are drawn from noise. `diptych evaluate` finds them of any run."""

    @property
    def named(self) -> EncoderName | None:
        """The encoder, if there is one."""
        return None if self.encoder == "none" else self.encoder

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

"""Scores of a translation beside those of its baselines: the rows that console and report both show."""

from collections.abc import Mapping
from dataclasses import dataclass

_TITLES = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "round_trip_psnr": "PSNR, there and back",
    "back_psnr": "PSNR, b to a",
    "label_accuracy": "wanted label read",
    "label_accuracy_real": "label read of real images",
    "label_accuracy_chance": "label by chance",
    "pixel_accuracy": "pixel accuracy",
    "class_accuracy": "class accuracy, mean",
    "class_accuracy_absent_as_zero": "class accuracy, absent = 0",
    "miou": "class IoU, mean",
    "miou_absent_as_zero": "class IoU, absent = 0",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One score; of every one, more is better. A baseline that has no such score is None."""

    name: str
    translation: float
    mean: float | None
    identity: float | None

    @property
    def title(self) -> str:
        kind, _, class_name = self.name.partition("/")
        if class_name:
            return f"{'class IoU' if kind == 'iou' else 'class accuracy'}: {class_name}"
        if self.name.startswith("kept_"):
            label = self.name.removeprefix("kept_")
            return f"{label.removesuffix('_real')} read of originals" if label.endswith("_real") else f"{label} kept"
        return _TITLES.get(self.name, self.name)

    @property
    def is_detail(self) -> bool:
        """Of one class, or in the other convention for absent classes: shown, and not in front."""
        return "/" in self.name or self.name.endswith("_absent_as_zero")

    @property
    def margin(self) -> float | None:
        """Over the better baseline; negative where a baseline wins."""
        baselines = [value for value in (self.mean, self.identity) if value is not None]
        return self.translation - max(baselines) if baselines else None

    def show(self, value: float | None, *, signed: bool = False) -> str:
        """A value of this row with its unit; a dash for None."""
        if value is None:
            return "\N{EN DASH}"
        sign = "+" if signed else ""
        return f"{value:{sign}.2f} dB" if self.name.endswith("psnr") else f"{value:{sign}.4f}"


def compare(scores: Mapping[str, float]) -> list[Row]:
    """Rows of `eval/…` beside `baseline/mean/…` and `baseline/identity/…`, in the order of the scores."""
    names = [key.removeprefix("eval/") for key in scores if key.startswith("eval/")]
    return [
        Row(
            name=name,
            translation=scores[f"eval/{name}"],
            mean=scores.get(f"baseline/mean/{name}"),
            identity=scores.get(f"baseline/identity/{name}"),
        )
        for name in names
    ]

"""The code in a model card that uses the exported file: short, complete, and run by a test."""

from trainer.exports.plain import Inputs

_PREPARE = """from PIL import Image
import numpy as np

picture = Image.open("picture.png").convert("{mode}")
pixels = np.asarray(picture.resize(({width}, {height})), np.float32)
image = pixels.reshape({height}, {width}, {channels}).transpose(2, 0, 1)[None]{scale}
"""
_SHOW = """pixels = {rescale}[0].transpose(1, 2, 0).round().clip(0, 255).astype(np.uint8)
Image.fromarray(pixels.squeeze()).save("translation.png")
"""
_ONNX = """import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
translation = session.run(None, {{"image": image{label}}})[0]
"""
_TORCH = """import torch

program = torch.export.load("model.pt2").module()
translation = program(torch.from_numpy(image), {label}).numpy()
"""
_HUB = """```bash
diptych import-hub FOLDER --out runs/imported
diptych translate runs/imported --in PICTURES --out RESULTS
```

FOLDER is where these files lie. `model.safetensors` holds the weights by NETWORK.PARAMETER; `config.json` says what the
networks are (`method`), and what they see (`data`, `dataset`)."""


def usage_text(kind: str, inputs: Inputs) -> str:
    """How to use a file of the kind, in Markdown."""
    if kind == "hub":
        return _HUB
    height, width = inputs.trained_side
    values = {"height": height, "width": width, "channels": inputs.channels}
    values |= {"mode": "L" if inputs.channels == 1 else "RGB", "scale": "", "rescale": "translation"}
    source, result = inputs.source.decoded_range, inputs.result.decoded_range
    if source != (0, 255):
        values["scale"] = f" / 255 * {source[1] - source[0]:g} + {source[0]:g}"
    if result != (0, 255):
        values["rescale"] = f"((translation - {result[0]:g}) * 255 / {result[1] - result[0]:g})"
    return f"```python\n{_PREPARE.format(**values)}\n{_core(kind, inputs)}\n{_SHOW.format(**values)}```"


def _core(kind: str, inputs: Inputs) -> str:
    if kind == "onnx":
        return _ONNX.format(label=', "label": np.zeros(1, np.int64)' if inputs.labels else "")
    return _TORCH.format(label="torch.zeros(1, dtype=torch.int64)" if inputs.labels else "None")

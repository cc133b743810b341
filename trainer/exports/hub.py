"""A run's translation as the Hugging Face Hub keeps models, and the way there: the one place that knows it."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from sharding.format.manifest_file import describe
from trainer.exports.card import Facts
from trainer.exports.kinds import HUB_FORMAT
from trainer.runs.config import config_to_dict


def weights_bytes(networks: nn.ModuleDict) -> bytes:
    """model.safetensors: all tensors by NETWORK.PARAMETER, float32."""
    from safetensors.torch import save

    # Each by itself: tensors that share memory cannot be told apart from a mistake.
    return save({name: tensor.clone().contiguous() for name, tensor in networks.state_dict().items()}, {"format": "pt"})


def read_weights(path: Path) -> dict[str, Tensor]:
    """The inverse, from a file that may come from a stranger: plain numbers. Raises ValueError if it is damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ValueError(str(error)) from error


def config_record(facts: Facts) -> dict[str, Any]:
    """config.json: what the networks are and what they see. No path and no setting of the training machine is in it."""
    config = config_to_dict(facts.opened.config)
    return {
        "library_name": "diptych",
        "format": HUB_FORMAT,
        "position": facts.position,
        "preset": facts.opened.run.record()["preset"],
        "commit": facts.commit,
        "method": config["method"],
        "data": config["data"] | {"path": facts.opened.manifest.name},
        "dataset": describe(facts.opened.manifest),
    }


def push(folder: Path, *, repository: str, token: str, endpoint: str | None, is_private: bool) -> str:
    """Send a folder to a repository of the Hub, which is made if it is not there. Returns its address.

    Not yet run against huggingface.co.

    Args:
        endpoint: another server's address; None for the Hub's own.

    Raises:
        OSError: it did not work; the library's errors of requests are all of this kind.
    """
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint, token=token, library_name="diptych")
    address = api.create_repo(repository, private=is_private, exist_ok=True)
    api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Upload a translation made with Diptych")
    return str(address)

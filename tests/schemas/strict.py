"""What is wrong with a manifest, by a published schema: fields that it does not know are wrong, too."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_METADATA = {"name", "namespace", "labels", "annotations"}
"""Of those that every object of Kubernetes may have, those that people write."""


def problems(manifest: Any, *, kind: str) -> list[str]:
    """One line for each mistake.

    Args:
        kind: name of a file here, e.g. `rayjob`.
    """
    schema = json.loads((Path(__file__).parent / f"{kind}.json").read_text())
    schema["properties"]["metadata"]["properties"] = {name: {} for name in _METADATA}
    found = Draft202012Validator(strict(schema)).iter_errors(manifest)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


def strict(node: Any) -> Any:
    """The same schema, which refuses fields that it does not name."""
    if isinstance(node, list):
        return [strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: strict(value) for key, value in node.items()}
    is_open = "additionalProperties" in node or node.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(node.get("properties"), dict) and node.get("type") == "object" and not is_open:
        made["additionalProperties"] = False
    return made

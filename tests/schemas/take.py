"""Makes the files here from published CRDs: `python -m tests.schemas.take CRD.yaml VERSION`, to standard output.

Prose is left out, and what occurs several times (templates of pods) is kept once.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

_LONG = 500
"""Characters from which on a part that occurs twice is kept apart."""


def take(crd: dict[str, Any], version: str) -> dict[str, Any]:
    """The schema of one version of a custom resource."""
    [schema] = [one["schema"]["openAPIV3Schema"] for one in crd["spec"]["versions"] if one["name"] == version]
    return _once(_without_prose(schema))


def _without_prose(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: _without_prose(value)
            for key, value in node.items()
            if not (key == "description" and isinstance(value, str))
        }
    return [_without_prose(one) for one in node] if isinstance(node, list) else node


def _once(schema: dict[str, Any]) -> dict[str, Any]:
    seen: Counter[str] = Counter()

    def count(node: Any) -> None:
        for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            if isinstance(value, dict) and "type" in value and len(text := json.dumps(value)) > _LONG:
                seen[text] += 1
                if seen[text] > 1:
                    continue
            count(value)

    count(schema)
    names = {text: f"part{number}" for number, text in enumerate(text for text in seen if seen[text] > 1)}

    def refer(node: Any, *, besides: str = "") -> Any:
        if isinstance(node, dict):
            text = json.dumps(node)
            if text in names and text != besides:
                return {"$ref": f"#/$defs/{names[text]}"}
            return {key: refer(value) for key, value in node.items()}
        return [refer(one) for one in node] if isinstance(node, list) else node

    definitions = {name: refer(json.loads(text), besides=text) for text, name in names.items()}
    return refer(schema) | {"$defs": definitions}


if __name__ == "__main__":
    json.dump(take(yaml.safe_load(Path(sys.argv[1]).read_text()), sys.argv[2]), sys.stdout, indent=0)

"""What may stand in our YAML files, as JSON Schema for editors? Made from the same models that read them.

`python -m core.schemas schemas` writes the files; a test holds them against the models.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from core.campaigns import Campaign
from core.config import Config
from core.packages import Catalogue
from core.script import BARE, KINDS

_MODELS: dict[str, tuple[type[BaseModel], str]] = {
    "campaign.json": (Campaign, "One programme: a file in campaigns/"),
    "config.json": (Config, "This installation: config.yaml"),
    "packages.json": (Catalogue, "The catalogue: packages.yaml"),
}


def schema_files() -> dict[str, str]:
    """The name and text of every schema."""
    return {name: _text(model, title) for name, (model, title) in _MODELS.items()}


def _text(model: type[BaseModel], title: str) -> str:
    schema = model.model_json_schema(mode="validation")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}
    steps = _walk(schema, _step_reference)
    if "Menu" in steps.get("$defs", {}):
        steps["$defs"]["Step"] = _step(steps["$defs"])
    return json.dumps(_walk(steps, _tidy), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _walk(node: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if isinstance(node, dict):
        return change({key: _walk(value, change) for key, value in node.items()})
    return [_walk(item, change) for item in node] if isinstance(node, list) else node


def _step_reference(node: dict[str, Any]) -> dict[str, Any]:
    """Where pydantic sees a step by its `kind`, a person writes `- kind: …`."""
    kinds = node.get("discriminator", {}).get("mapping", {})
    return {"$ref": "#/$defs/Step"} if kinds and set(kinds) <= set(KINDS) else node


def _step(definitions: dict[str, Any]) -> dict[str, Any]:
    """A step as it is written: `- say: "…"`, `- menu: {…}`, or the bare word `- refuse`."""
    kinds: list[dict[str, Any]] = []
    bare_words = []
    for kind, model in KINDS.items():
        body = definitions[model.__name__]
        body.get("properties", {}).pop("kind", None)
        values: list[dict[str, Any]] = [{"$ref": f"#/$defs/{model.__name__}"}]
        if kind in BARE:
            values.append(body["properties"][BARE[kind]])
        if not body.get("required"):
            values.append({"type": "null"})
            bare_words.append(kind)
        kinds.append(
            {
                "type": "object",
                "description": body.get("description", ""),
                "properties": {kind: {"anyOf": values}},
                "required": [kind],
                "additionalProperties": False,
            }
        )
    kinds.append({"enum": bare_words, "description": "A step that needs nothing more than its name"})
    return {"oneOf": kinds}


def _tidy(node: dict[str, Any]) -> dict[str, Any]:
    """An editor has no use for pydantic's titles and our line breaks."""
    if isinstance(node.get("title"), str) and "$schema" not in node and ("type" in node or "anyOf" in node):
        node = {key: value for key, value in node.items() if key != "title"}
    if isinstance(node.get("description"), str):
        node["description"] = " ".join(node["description"].split())
    return node


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "schemas")
    folder.mkdir(exist_ok=True)
    for name, text in schema_files().items():
        (folder / name).write_text(text, encoding="utf-8")

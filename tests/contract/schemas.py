"""Schemas of an OpenAPI document, with what they refer to."""

from typing import Any


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema, what it refers to, or what it is where it is not null."""
    while True:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif len(some := [option for option in schema.get("anyOf", []) if option.get("type") != "null"]) == 1:
            schema = {name: value for name, value in schema.items() if name != "anyOf"} | some[0]
        else:
            return schema

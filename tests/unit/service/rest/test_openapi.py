"""The OpenAPI document states the fields, limits and errors that the server applies."""

import json
import re

from service.rerank.limits import Limits
from tests.unit.service.rest.rest_client import FORMS, PATH, ROUTES, Api


async def test_schema(api: Api):
    """The schema documents the route, its body with limits, and its errors."""
    schema = (await api.client.get("/openapi.json")).json()
    operation = schema["paths"][PATH]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["model", "query", "documents"]
    assert body["properties"]["priority"]["maximum"] == 999
    assert {"400", "401", "404", "413", "415", "422", "429", "500", "503", "504"} < set(operation["responses"])


async def test_configured_maximum():
    """Every form's list of documents states the maximum that the server is set to, and no other."""
    api = Api(limits=Limits(documents_max=1234, pairs_max=10_000, message_bytes=2**20, stream_bytes=2**22))
    async with api.client:
        schema = (await api.client.get("/openapi.json")).json()
    for path in ROUTES:
        body = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        for form in body.get("anyOf", [body]):
            documents = form["properties"].get("documents") or form["properties"]["texts"]
            assert documents["description"].endswith("; 1 to 1,234.")
    assert "10,000" not in json.dumps(schema)


async def test_the_maximum_is_kept():
    """More documents than the maximum are refused, by the name that the form has for them."""
    api = Api(limits=Limits(documents_max=2, pairs_max=10_000, message_bytes=2**20, stream_bytes=2**22))
    async with api.client:
        for path, body in FORMS:
            field = "texts" if "texts" in body else "documents"
            answer = await api.post(body | {field: ["one"] * 3}, path)
            assert re.fullmatch(f"{field} .*2.*3", answer.json()["message"])

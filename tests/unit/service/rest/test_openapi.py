"""Tests of what the OpenAPI document says."""

from tests.unit.service.rest.api import PATH, Api


async def test_schema(api: Api):
    """The schema documents the route, its body with limits, and its errors."""
    schema = (await api.client.get("/openapi.json")).json()
    operation = schema["paths"][PATH]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["model", "query", "documents"]
    assert body["properties"]["priority"]["maximum"] == 999
    assert {"400", "401", "404", "413", "415", "422", "429", "500", "503", "504"} < set(operation["responses"])

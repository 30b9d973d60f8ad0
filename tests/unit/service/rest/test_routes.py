"""Each path has one default form; only a field of its own selects an alternative."""

import pytest

from service.rest.cohere_v1 import V1Request
from service.rest.cohere_v2 import V2Request
from service.rest.openrouter import OpenRouterRequest
from service.rest.routes import ROUTES
from service.rest.tei import TeiRequest

BY_PATH = {route.path: route for route in ROUTES}


def test_paths():
    """Each path has its form, and no two routes share a path or a name."""
    assert {path: route.body for path, route in BY_PATH.items()} == {
        "/v2/rerank": V2Request,
        "/v1/rerank": V1Request,
        "/api/v1/rerank": OpenRouterRequest,
        "/rerank": V1Request,
    }
    assert len(BY_PATH) == len({route.name for route in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"query": "q", "documents": ["one"]}, V1Request),
        ({"query": "q", "texts": ["one"]}, TeiRequest),
        ({"texts": None}, V1Request),
        ({"texts": None, "documents": ["one"]}, V1Request),
        ({"texts": [], "documents": ["one"]}, TeiRequest),
        ({"Texts": ["one"]}, V1Request),
        ({}, V1Request),
        (["texts"], V1Request),
        ("texts", V1Request),
        (None, V1Request),
    ],
)
def test_texts_mark_the_form_of_text_embeddings_inference(body: object, kind: type):
    """At the one path with two forms, a body with `texts` is of the one, and every other body of the other."""
    assert BY_PATH["/rerank"].type_of(body) is kind


@pytest.mark.parametrize("path", [path for path in BY_PATH if path != "/rerank"])
def test_other_paths_have_one_form(path: str):
    """Everywhere else the form does not depend on the body."""
    assert BY_PATH[path].type_of({"texts": ["one"]}) is BY_PATH[path].body

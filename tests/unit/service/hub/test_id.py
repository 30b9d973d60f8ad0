"""An id of a model on the hub is parsed into repository, revision and graph, or refused."""

import pytest

from service.hub.id import HubId

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("org/name", HubId("org/name")),
        ("org/name@v1.5", HubId("org/name", "v1.5")),
        (f"org/name@{COMMIT}", HubId("org/name", COMMIT)),
        ("org/name@refs/pr/3", HubId("org/name", "refs/pr/3")),
        ("org/name@feature%2Fint8", HubId("org/name", "feature/int8")),
        ("org/name/onnx/model_O2.onnx", HubId("org/name", "main", "onnx/model_O2.onnx")),
        ("org/name@v1/model_qint8.onnx", HubId("org/name", "v1", "model_qint8.onnx")),
        ("org/name@refs/pr/3/onnx/model.onnx", HubId("org/name", "refs/pr/3", "onnx/model.onnx")),
        ("hf://org/name@v1/onnx/model.onnx", HubId("org/name", "v1", "onnx/model.onnx")),
        ("BAAI/bge-reranker-v2.m3_x", HubId("BAAI/bge-reranker-v2.m3_x")),
    ],
)
def test_parse(text: str, model: HubId):
    """A model on the hub is written as in the hub's own addresses."""
    assert HubId.parse(text) == model


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "org/",
        "/name",
        "org/name@",
        "org/name/",
        "org/name/onnx",
        "org/name/model.safetensors",
        "org/na me",
        "-org/name",
        "org/name@v1@v2",
        "org/name@a b",
        "https://huggingface.co/org/name",
    ],
)
def test_not_a_model_on_the_hub(text: str):
    """Anything else is refused, with the form that is expected."""
    with pytest.raises(ValueError, match="ORG/NAME"):
        HubId.parse(text)


def test_in_messages():
    """Messages name a model with the revision that was asked for."""
    assert str(HubId.parse("org/name/onnx/model_O2.onnx")) == "org/name@main"

"""OpenRouter refuses images, and repeats the model's name and the texts that were read."""

from typing import Any

import pytest

from service.errors import UnsupportedError
from tests.unit.service.rest.dialects import OPENROUTER


def test_no_image():
    """An image that is null is as good as not there."""
    assert OPENROUTER.request(documents=["one", {"text": "two", "image": None}]) == OPENROUTER.request()


@pytest.mark.parametrize("image", ["https://example.org/a.png", "data:image/png;base64,AAAA", {"url": "x"}, ""])
@pytest.mark.parametrize("text", [{}, {"text": "one"}, {"text": None}])
def test_images(image: object, text: dict[str, Any]):
    """An image is refused as what the models here cannot read, and its place named."""
    with pytest.raises(UnsupportedError, match=r"documents\[1\] .*image"):
        OPENROUTER.request(documents=["one", text | {"image": image}])


def test_answer():
    """An answer calls the model what the caller calls it, and always repeats the texts that were read."""
    answer = OPENROUTER.answer(model="alias", documents=[{"title": "one"}, {"text": "two"}])
    assert answer["model"] == "alias"
    assert [result["document"] for result in answer["results"]] == [{"text": "two"}, {"text": "title: one\n"}]

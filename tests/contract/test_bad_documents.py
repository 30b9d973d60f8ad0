"""Objects are scored in the forms that take them and refused in the others; images are refused in all."""

import httpx
import pytest

from tests.contract.clients import SECRET, refused
from tests.contract.forms import FORMS, Form, ranks

pytestmark = pytest.mark.usefixtures("unharmed")

MANY = 10_000
IMAGE = "data:image/png;base64,iVBORw0KGgo="
OBJECTS = {name: form for name, form in FORMS.items() if form.objects}
UNREADABLE: dict[str, object] = {
    "nothing": {},
    "text-null": {"text": None},
    "all-null": {"a": None, "b": None},
    "too-deep": {"a": [[[[[[[[[[[[[[[[[[SECRET]]]]]]]]]]]]]]]]]]},
    "too-many-values": {"a": [0] * 100_001},
    "too-many-characters": {"a": SECRET, "b": "x" * 524_289},
    "too-long-a-name": {"x" * 524_289: 1},
}
READABLE: dict[str, object] = {
    "text": {"text": SECRET},
    "text-empty": {"text": ""},
    "text-and-null-image": {"text": SECRET, "image": None},
    "text-that-is-none": {"text": 5},
    "others": {"title": SECRET, "year": 1984, "tags": ["a", None, True, 1.5], "more": {"a": {"b": []}}},
    "no-name": {"": SECRET},
    "strange-names": {"\0\ufffe\u2028😀": "\0", "- a: b\n": "#", "<<": "*x", "!!python/object": "&x"},
    "huge-numbers": {"a": 10**400, "b": 1e300, "c": -(2**70)},
}


@pytest.fixture(params=OBJECTS, name="form")
def form_with_objects(request: pytest.FixtureRequest) -> Form:
    """Return one form after the other in which a document may be an object."""
    return FORMS[request.param]


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if not form.objects])
def test_no_objects(name: str, rest: httpx.Client) -> None:
    """A form whose documents are texts takes no object, nor an image."""
    form = FORMS[name]
    for document in ({"text": SECRET}, {"image": IMAGE}, {}):
        refused(form.post(rest, form.body(documents=["a", document])), 400, form.documents)


@pytest.mark.parametrize("document", READABLE.values(), ids=READABLE)
def test_readable(document: object, form: Form, rest: httpx.Client) -> None:
    """An object with anything to read in it is scored, whatever that is, beside texts and alone."""
    assert len(ranks(form.post(rest, form.body(documents=["a", document])))) == 2
    assert len(ranks(form.post(rest, form.body(documents=[document])))) == 1


@pytest.mark.parametrize("document", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable(document: object, form: Form, rest: httpx.Client) -> None:
    """An object with nothing to read, or far too much, is out of range, and named by its position."""
    said = refused(form.post(rest, form.body(documents=["a", document])), form.out_of_range, "documents[1]")
    assert len(said) < 1000


@pytest.mark.parametrize("image", [IMAGE, f"https://{SECRET}.example/a.png", {"url": SECRET}, ""])
def test_images(image: object, form: Form, rest: httpx.Client) -> None:
    """An image is refused for good, with a text beside it too, and named by its position."""
    for document in ({"image": image}, {"text": SECRET, "image": image}, {"text": None, "image": image}):
        answer = form.post(rest, form.body(documents=["a", document]))
        refused(answer, 501, "documents[1]", "image")
        assert "retry-after" not in answer.headers


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if "rank_fields" in form.fields])
def test_fields_that_no_document_has(name: str, rest: httpx.Client) -> None:
    """A document with none of the chosen fields is out of range; a text needs none."""
    form = FORMS[name]
    for fields in (["nowhere"], [], ["", "TEXT"]):
        body = form.body(documents=["a", {"text": SECRET}], rank_fields=fields)
        refused(form.post(rest, body), form.out_of_range, "documents[1]", "rank_fields")
    assert len(ranks(form.post(rest, form.body(rank_fields=["nowhere"])))) == 2


def test_as_many_as_there_may_be(form: Form, rest: httpx.Client) -> None:
    """Ten thousand objects are read, so that it is their model that is not found; one more is too many."""
    objects = [{"title": SECRET, "more": {"n": n}} for n in range(MANY)]
    refused(form.post(rest, form.body(documents=objects, model="another")), 404)
    refused(form.post(rest, form.body(documents=[*objects, {}])), form.out_of_range, "documents")


def test_as_many_scored(rest: httpx.Client) -> None:
    """Ten thousand objects come back, each once."""
    form = FORMS["v1"]
    found = ranks(form.post(rest, form.body(query="a", documents=[{"text": "a"}] * MANY)))
    assert [index for index, _ in found] == list(range(MANY))
    assert len({score for _, score in found}) == 1

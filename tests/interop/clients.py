"""Clients from the package indexes: where each is installed, and what it makes of an error."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".clients"
"""Made by `make test-clients`."""
NODE = "node"


@dataclass(frozen=True)
class Errors:
    """The class that a client raises, by what is wrong; None where the client does not send such a thing."""

    bad_key: str
    unknown_model: str | None
    bad_body: str | None
    """A body that is not what the schema says."""
    out_of_range: str


COHERE = Errors("UnauthorizedError", "NotFoundError", "BadRequestError", "UnprocessableEntityError")
COHERE_JS = replace(COHERE, bad_body=None)
AI_SDK = Errors(*["APICallError"] * 4)
OPENROUTER = Errors("UnauthorizedResponseError", "NotFoundResponseError", None, "BadRequestResponseError")
JINA = Errors(*["RuntimeError"] * 4)
LITELLM = Errors("AuthenticationError", "NotFoundError", None, "BadRequestError")
LITELLM_JINA = replace(LITELLM, bad_body="BadRequestError")
LITELLM_TEI = replace(LITELLM_JINA, unknown_model=None, out_of_range="APIError")
# It does not look at the status, and stumbles over the body of the error.
RERANKERS = Errors(*["KeyError"] * 4)
RERANKERS_TEI = replace(Errors(*["TypeError"] * 4), unknown_model=None)


@dataclass(frozen=True)
class Client:
    """A way to ask."""

    package: str
    script: str
    errors: Errors
    environment: str | None = None
    """None: the one of this project."""
    arguments: tuple[str, ...] = ()
    how: str = ""
    """Which part of the package, in words."""
    top_n: bool = True
    documents: bool = True
    """True if the caller gets the documents back."""
    objects: bool = False
    """True if documents may be objects."""
    says_why: bool = True
    """True if an error has the service's words."""

    @property
    def name(self) -> str:
        """Package, version and part."""
        version = _pins(self.environment)[self.package] if self.environment else metadata.version(self.package)
        return " ".join(filter(None, (self.package, version, self.how or " ".join(self.arguments))))

    @property
    def command(self) -> list[str]:
        """The command to run."""
        if self.environment == NODE:
            return [NODE, str(ENVIRONMENTS / NODE / self.script), *self.arguments]
        python = ENVIRONMENTS / self.environment / "bin" / "python" if self.environment else sys.executable
        return [str(python), str(HERE / "scripts" / self.script), *self.arguments]


def _pins(environment: str) -> dict[str, str]:
    """Return the versions of the clients in an environment."""
    if environment == NODE:
        pinned = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
        return {name: version.rpartition("@")[2] for name, version in pinned.items()}
    text = (HERE / f"requirements-{environment}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w-]+)==(\S+)", text, re.MULTILINE))


def _cohere(environment: str | None) -> Iterator[Client]:
    v1 = Client("cohere", "ask_cohere.py", COHERE, environment, ("v1",), "Client", objects=True)
    yield v1
    if environment != "cohere-5.5":
        yield replace(v1, arguments=("v2",), how="ClientV2", documents=False, objects=False)
        yield replace(v1, arguments=("async",), how="AsyncClientV2", documents=False, objects=False)


def _litellm() -> Iterator[Client]:
    general = Client("litellm", "ask_litellm.py", LITELLM, "others", objects=True)
    yield replace(general, arguments=("cohere",), documents=False, objects=False)
    yield replace(general, arguments=("jina_ai",), errors=LITELLM_JINA)
    yield replace(general, arguments=("huggingface",), errors=LITELLM_TEI, objects=False)
    yield replace(general, arguments=("infinity",), documents=False)
    yield from (replace(general, arguments=(name,)) for name in ("hosted_vllm", "together_ai", "litellm_proxy"))


def _rerankers() -> Iterator[Client]:
    cohere = Client("rerankers", "ask_rerankers.py", RERANKERS, "others", ("cohere",), top_n=False, says_why=False)
    yield cohere
    yield replace(cohere, arguments=("jina",))
    yield replace(cohere, arguments=("text-embeddings-inference",), errors=RERANKERS_TEI)


def _node() -> Iterator[Client]:
    for package in ("cohere-ai", "cohere-ai-7"):
        v1 = Client(package, "ask_cohere_ai.mjs", COHERE_JS, NODE, ("v1", package), "CohereClient", objects=True)
        yield v1
        yield replace(v1, arguments=("v2", package), how="CohereClientV2", documents=False, objects=False)
    yield Client("@ai-sdk/cohere", "ask_ai_sdk.mjs", AI_SDK, NODE, objects=True)
    yield Client("@openrouter/sdk", "ask_openrouter.mjs", OPENROUTER, NODE, objects=True)


CLIENTS = (
    *_cohere(None),
    *_cohere("cohere-5"),
    *_cohere("cohere-5.5"),
    Client("langchain-cohere", "ask_langchain.py", COHERE, "cohere-5", objects=True),
    Client("llama-index-postprocessor-cohere-rerank", "ask_llama_index.py", COHERE, "cohere-5"),
    Client("cohere-haystack", "ask_haystack_cohere.py", COHERE, "cohere-5"),
    Client("jina-haystack", "ask_haystack_jina.py", JINA, "others"),
    *_litellm(),
    *_rerankers(),
    Client("openrouter", "ask_openrouter.py", OPENROUTER, "others", objects=True),
    *_node(),
)

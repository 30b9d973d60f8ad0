"""The documents hold together, and say what the code says."""

import re
from itertools import chain
from pathlib import Path
from urllib.parse import unquote

import pytest

from service.engine.provider import Provider
from service.errors import TABLE, Row
from service.settings import EMBEDDED_MODEL, PREFIX, Settings
from tests.pages import README, ROOT, blocks, prose
from tests.property import invariants
from tests.simulation.scenarios import SCENARIOS

FOLDERS = ("client", "deploy", "docs", "protos", "scheduler", "service", "tests")
DOCUMENTS = sorted(chain(ROOT.glob("*.md"), *((ROOT / folder).rglob("*.md") for folder in FOLDERS)))
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*")
README_LINES_MAX = 120
NEVER_SENT = 499
"""The status of a caller that left, which appears in the log only."""

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def anchors(document: Path) -> set[str]:
    """Return the anchors that a forge gives the headings of a document."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(document: Path) -> list[list[str]]:
    """Return the cells of the table rows of a document."""
    lines = prose(document).splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


@each_document
def test_links_resolve(document: Path) -> None:
    """Each relative link leads to a file of the repository, and each anchor to a heading."""
    for link in LINK.findall(prose(document)):
        if not re.match(r"[a-z]+:", link):
            name, _, anchor = unquote(link).partition("#")
            target = document.parent / name if name else document
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@each_document
def test_paths_exist(document: Path) -> None:
    """Each file or folder of the repository that a document names in code style, or in a command, exists."""
    words = re.findall(r"`([^`\n]+)`", prose(document))
    words += chain.from_iterable(block.text.split() for block in blocks(document) if block.language == "sh")
    named = [word.partition("::")[0] for word in words]
    assert [path for path in named if PATH.fullmatch(path) and not (ROOT / path).exists()] == []


def test_the_readme_is_short() -> None:
    """The README fits a screen or two; more belongs into a page of its own."""
    assert len(README.read_text(encoding="utf-8").splitlines()) <= README_LINES_MAX


def written(default: object) -> str:
    """Return how the settings page writes a default."""
    if default in (None, ()):
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, int | float):
        return f"{default:g}"
    if default == EMBEDDED_MODEL:
        return "the embedded model"
    return f"`{','.join(default) if isinstance(default, tuple) and not hasattr(default, 'port') else default}`"


def test_each_setting_is_on_its_page() -> None:
    """The settings page names every setting once, with its default and a meaning, and no other."""
    table = [row for row in rows(ROOT / "docs" / "settings.md") if row[0].startswith(f"`{PREFIX}")]
    expected = {name: written(field.default) for name, field in Settings.model_fields.items()}
    expected["cache_scope"] = "`client` with keys, else `shared`"
    expected["workers"] = "available CPUs; 1 on `cuda`"
    cpu, cuda = (Settings.model_construct(provider=provider).batch_seconds for provider in Provider)
    expected["batch_seconds"] = f"{cpu}; {cuda} on `cuda`"
    assert sorted((name, default) for name, default, _ in table) == sorted(
        (f"`{PREFIX}{name.upper()}`", default) for name, default in expected.items()
    )
    assert all(meaning for *_, meaning in table)


@pytest.mark.parametrize("row", list(dict.fromkeys(TABLE.values())), ids=lambda row: f"{row.reason}-{row.http}")
def test_each_outcome_is_on_its_page(row: Row) -> None:
    """The page of outcomes has a row with the reason and the HTTP status of each, and its gRPC code if gRPC has it."""
    (found,) = [
        cells
        for cells in rows(ROOT / "docs" / "outcomes.md")
        if len(cells) == 5 and cells[3] == row.reason and cells[2].startswith(str(int(row.http)))
    ]
    assert not found[1] or found[1].startswith(row.grpc.name)


def test_scenarios_exist() -> None:
    """Each scenario that a command names exists, and so does each scenario or invariant that holds a promise."""
    commands = [
        names for page in DOCUMENTS for names in re.findall(r"--only ([\w,]+)", page.read_text(encoding="utf-8"))
    ]
    theory = (ROOT / "scheduler" / "README.md").read_text(encoding="utf-8")
    promises = theory.partition("| held by |")[2].partition("\n\n")[0]
    holders = set(re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)`", promises))
    assert commands
    assert {name for names in commands for name in names.split(",")} <= set(SCENARIOS)
    assert {"nothing_is_lost", "mix_at_1x"} <= holders
    assert holders <= {*SCENARIOS, *vars(invariants)}

"""Grafana accepts the dashboard, which shows latency, traffic, errors and saturation."""

import itertools

import pytest

from tests.deploy.queries import DASHBOARD, PANELS

SIGNALS = ["Latency", "Traffic", "Errors", "Saturation"]
UNITS = {"s", "reqps", "percentunit", "short", "bytes"}


def test_grafana_knows_the_form() -> None:
    """The schema is that of a maintained Grafana; panels have unique ids, do not overlap, and fill their rows."""
    assert DASHBOARD["schemaVersion"] >= 39
    assert DASHBOARD["uid"] == "rerankd"
    everything = DASHBOARD["panels"]
    assert (
        len({panel["id"] for panel in everything}) == len({panel["title"] for panel in everything}) == len(everything)
    )
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in everything)
        for x, y in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        )
    ]
    assert len(cells) == len(set(cells)), "panels lie on each other"
    assert {x for x, _ in cells} == set(range(24))
    assert len(cells) == 24 * (max(y for _, y in cells) + 1), "there are holes"


def test_the_four_signals_are_shown() -> None:
    """Latency, traffic, errors and saturation have a row each, with priorities shown by lanes."""
    assert [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"] == SIGNALS
    rows = [panel["title"] if panel["type"] == "row" else "" for panel in DASHBOARD["panels"]]
    places = [rows.index(signal) for signal in SIGNALS]
    for start, end in itertools.pairwise([*places[:3], places[3]]):
        panels = DASHBOARD["panels"][start + 1 : end]
        assert any("by (lanes" in target["expr"] for panel in panels for target in panel["targets"])
    assert places[3] < len(rows) - 1


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_panels_can_be_read(panel: dict) -> None:
    """A panel has a description, a unit and a legend, and queries the selected Prometheus."""
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert [target["refId"] for target in panel["targets"]] == ["A", "B", "C"][: len(panel["targets"])]
    for target in panel["targets"]:
        assert target["legendFormat"]
        assert 'job="rerankd",namespace=~"$namespace"' in target["expr"]


def test_variables_are_those_that_are_used() -> None:
    """Variables select the Prometheus and the namespaces, and the panels use both."""
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables.keys() == {"datasource", "namespace"}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["namespace"]["query"]["query"] == 'label_values(rerank_build_info{job="rerankd"}, namespace)'

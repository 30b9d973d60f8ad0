"""The PromQL expressions of panels, alerts and autoscalers."""

import json
from typing import Any, NamedTuple

import yaml

from tests.deploy.manifests import KUBERNETES

DASHBOARD: dict[str, Any] = json.loads((KUBERNETES / "components" / "monitoring" / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
NAMESPACE = "rerankd"
"""Values of the dashboard variables in these expressions."""


class Query(NamedTuple):
    """An expression and its source."""

    asker: str
    expression: str
    legend: str = ""

    def __str__(self) -> str:
        return self.asker


def panels() -> list[Query]:
    """Return the expressions of the dashboard, as Grafana sends them."""
    return [
        Query(
            f"{panel['title']} {target['refId']}",
            target["expr"].replace("$namespace", NAMESPACE).replace("$__rate_interval", "5m"),
            target["legendFormat"],
        )
        for panel in PANELS
        for target in panel["targets"]
    ]


def alerts() -> list[Query]:
    """Return the expressions of the alerts."""
    rules = yaml.safe_load((KUBERNETES / "components" / "monitoring" / "alerts.yaml").read_text())
    return [Query(rule["alert"], rule["expr"]) for group in rules["spec"]["groups"] for rule in group["rules"]]


def triggers() -> list[Query]:
    """Return the expressions of KEDA."""
    scaled = yaml.safe_load((KUBERNETES / "components" / "keda" / "scaled-object.yaml").read_text())
    return [Query(trigger["name"], trigger["metadata"]["query"]) for trigger in scaled["spec"]["triggers"]]

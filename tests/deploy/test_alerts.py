"""Every alert fires and stays quiet as its cases say, in the real rule engine, and links to the runbook."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy import tools
from tests.deploy.manifests import KUBERNETES

RULES = yaml.safe_load((KUBERNETES / "components" / "monitoring" / "alerts.yaml").read_text())["spec"]
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
CASES = Path(__file__).parent / "alerts"


def promtool(*arguments: str | Path) -> None:
    """Run promtool, and assert that it succeeds."""
    done = tools.run(tools.program("promtool", "prometheus"), *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def cases(alert: str) -> dict[str, Any]:
    """Return the content of the file of cases of an alert."""
    return yaml.safe_load((CASES / f"{alert}.yaml").read_text())


def expectations(alert: str) -> list[dict[str, Any]]:
    """Return the expected alerts of all cases."""
    return [asked for test in cases(alert)["tests"] for asked in test["alert_rule_test"]]


def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    """Prometheus accepts every expression and every template."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump(RULES))
    promtool("check", "rules", "--lint-fatal", rules)


def test_every_alert_is_played() -> None:
    """Each alert has a file of cases, and each file has an alert."""
    assert {file.stem for file in CASES.iterdir()} == ALERTS.keys()


@pytest.mark.parametrize("alert", ALERTS)
def test_alerts_fire_and_are_quiet(alert: str, tmp_path: Path) -> None:
    """The alert fires in one case and is quiet in another, with the labels that its texts use."""
    asked = expectations(alert)
    assert all(each["alertname"] == alert for each in asked)
    assert any(each["exp_alerts"] for each in asked)
    assert any(not each["exp_alerts"] for each in asked)

    # Another test checks the texts.
    groups = [
        group | {"rules": [{k: v for k, v in rule.items() if k != "annotations"} for rule in group["rules"]]}
        for group in RULES["groups"]
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], **cases(alert)}))
    promtool("test", "rules", tmp_path / "cases.yaml")


@pytest.mark.parametrize("alert", ALERTS)
def test_alerts_say_what_they_are_about(alert: str) -> None:
    """An alert has a severity and texts, which use only labels of the alert."""
    rule = ALERTS[alert]
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["description"]))
    for asked in expectations(alert):
        for fired in asked["exp_alerts"]:
            assert named <= fired["exp_labels"].keys()


def test_the_runbook_knows_every_alert() -> None:
    """Each alert links to its own heading in the runbook."""
    headings = re.findall(r"^#+ `?(\w+)", (tools.ROOT / "deploy" / "RUNBOOK.md").read_text(), re.MULTILINE)
    for alert, rule in ALERTS.items():
        assert rule["annotations"]["runbook"] == f"deploy/RUNBOOK.md#{alert.lower()}"
        assert headings.count(alert) == 1

"""Both autoscalers request as many pods as the work needs, and nothing else sets the number."""

import re

import pytest

from tests.deploy.manifests import ALL, SERVING, Object, one
from tests.deploy.tools import ROOT

AUTOSCALED = {"keda", "hpa", "production", ALL}


@pytest.mark.parametrize("name", SERVING)
def test_autoscalers_own_the_number_of_pods(rendered: dict[str, list[Object]], name: str) -> None:
    """A repeated apply keeps the number of pods under an autoscaler, and no deployment has two autoscalers."""
    scalers = [o for o in rendered[name] if o["kind"] in {"ScaledObject", "HorizontalPodAutoscaler"}]
    assert ("replicas" in one(rendered[name], "Deployment")["spec"]) is (name not in AUTOSCALED)
    assert len(scalers) == (name in AUTOSCALED)
    for scaler in scalers:
        assert scaler["spec"]["scaleTargetRef"]["name"] == "rerankd"


def test_both_autoscalers_aim_alike(rendered: dict[str, list[Object]]) -> None:
    """Both autoscalers have the same target backlog per pod and the same rate of change."""
    keda, hpa = one(rendered["keda"], "ScaledObject")["spec"], one(rendered["hpa"], "HorizontalPodAutoscaler")["spec"]
    backlog, shed = keda["triggers"]
    (metric,) = hpa["metrics"]
    assert backlog["metricType"] == metric["pods"]["target"]["type"] == "AverageValue"
    assert backlog["metadata"]["threshold"] == metric["pods"]["target"]["averageValue"]
    assert metric["pods"]["metric"]["name"] in backlog["metadata"]["query"]
    assert shed["metricType"] == "Value"
    assert keda["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == hpa["behavior"]
    assert (keda["minReplicaCount"], keda["maxReplicaCount"]) == (hpa["minReplicas"], hpa["maxReplicas"])
    for trigger in keda["triggers"]:
        assert trigger["type"] == "prometheus"
        assert trigger["metadata"].keys() <= {"serverAddress", "query", "threshold", "ignoreNullValues"}
        assert float(trigger["metadata"]["threshold"]) > 0


def test_the_shed_share_is_that_of_the_documentation(rendered: dict[str, list[Object]]) -> None:
    """The autoscaler counts the lanes that deploy/README.md and the alert name as promised."""
    (_, trigger) = one(rendered["keda"], "ScaledObject")["spec"]["triggers"]
    rules = one(rendered["monitoring"], "PrometheusRule")["spec"]["groups"]
    (alert,) = (rule for group in rules for rule in group["rules"] if rule["alert"] == "RerankdPromisedShed")
    promised = [
        set(re.findall(r'lanes=~"([^"]+)"', text))
        for text in (trigger["metadata"]["query"], alert["expr"], (ROOT / "deploy" / "README.md").read_text())
    ]
    assert promised[0] == promised[1] == promised[2]
    assert len(promised[0]) == 1
    assert float(trigger["metadata"]["threshold"]) < float(alert["expr"].rpartition(" > ")[2])

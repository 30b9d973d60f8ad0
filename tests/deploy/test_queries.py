"""Panels, alerts and autoscalers query metrics and labels that the service publishes."""

import math
import re
from collections.abc import Iterator
from functools import partial

import grpc
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.errors import TABLE
from tests.clients import message, metric, stub, unseen, until
from tests.deploy import tools
from tests.deploy.prometheus import Prometheus
from tests.deploy.promql import Selector, selectors
from tests.deploy.queries import NAMESPACE, Query, alerts, panels, triggers
from tests.deploy.test_alerts import RULES
from tests.process import RunningService

LANES = {"0": 0, "1-99": 50, "100-499": 200, "500-999": 900}
"""One lane of each band."""
GIVEN = {"job", "namespace", "pod"}
"""Labels that Prometheus adds."""
NEED_A_FAULT = {"RerankdInternalErrors", "RerankdWorkersStalled"}
"""Alerts without series on a healthy service: a share of failures, and a stall."""
ADDED = {"up"}
"""Metrics of Prometheus itself."""


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    running = RunningService.start(workers=1)
    yield running
    running.stop()


def some_traffic(service: RunningService) -> None:
    """Send one successful and one refused request per band, and an invalid one over REST."""
    with stub(service.grpc) as client:
        for lane in LANES.values():
            assert client.Rerank(message(documents=unseen("a b c", 3), priority=lane), timeout=600).results
            with pytest.raises(grpc.RpcError) as caught:
                client.Rerank(message(documents=unseen("a b c " * 20, 3000), priority=lane), timeout=1)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert httpx.post(f"{service.http}/v2/rerank", json={}).status_code == 400


@pytest.fixture(scope="module")
def published(service: RunningService) -> dict[str, set[str]]:
    """Return the labels of every metric of a used service."""
    some_traffic(service)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(httpx.get(f"{service.admin}/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("query", [*panels(), *alerts(), *triggers()], ids=str)
def test_queries_name_what_is_published(published: dict[str, set[str]], query: Query) -> None:
    """Every metric, label and label value of a query is one that the service publishes."""
    found = list(selectors(query.expression))
    assert found
    for selector in found:
        if selector.metric in ADDED:
            continue
        assert selector.metric in published
        assert ("job", "=", "rerankd") in selector.matchers
        for label, how, value in selector.matchers:
            assert label in published[selector.metric] | GIVEN
            if label == "lanes":
                assert set(value.split("|")) <= LANES.keys()
                assert how == ("=~" if "|" in value else "=")
            if label == "outcome":
                assert value in {"OK"} | {row.reason for row in TABLE.values()}


def test_selectors_are_found_in_every_place() -> None:
    """The parser finds metrics without labels, among operators and functions, and beside strings like metrics."""
    found = selectors(
        'sum by (a, b) (rate(x_total{l=~"y{|z"}[5m])) / on (c) max(w) > 1e5 or vector(1) unless v or u{} and t'
    )
    assert [selector.metric for selector in found] == ["x_total", "w", "v", "u", "t"]
    assert next(selectors('x{l=~"y{|z", m="n"}')) == Selector("x", (("l", "=~", "y{|z"), ("m", "=", "n")))


@pytest.fixture(scope="module")
def prometheus(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    program = tools.program("prometheus", "prometheus")
    running = Prometheus(program, tmp_path_factory.mktemp("prometheus"), admin=service.admin, rules=RULES)
    try:
        # A rate needs changes between two scrapes.
        for _ in range(2):
            some_traffic(service)
            ended = metric(service.admin, "rerank_requests_total")
            until(
                partial(running.ask, f"sum(rerank_requests_total) == {ended}"),
                "Prometheus knows of all requests",
            )
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize("query", panels(), ids=str)
def test_every_panel_shows_something(prometheus: Prometheus, query: Query) -> None:
    """For a used service every panel has numbers, with the labels of its legend."""
    series = prometheus.ask(query.expression)
    assert series
    named = set(re.findall(r"{{(\w+)}}", query.legend))
    for each in series:
        assert not math.isnan(float(each["value"][1])), each
        assert named <= each["metric"].keys()


@pytest.mark.parametrize("query", triggers(), ids=str)
def test_autoscalers_get_one_number(prometheus: Prometheus, query: Query) -> None:
    """Each query of the autoscaler returns one number, with or without load."""
    (series,) = prometheus.ask(query.expression)
    assert float(series["value"][1]) >= 0


def test_the_share_that_is_shed_is_known_before_there_is_any(prometheus: Prometheus) -> None:
    """Without requests, the share of promised work that is shed is 0, not empty."""
    (query,) = (q for q in triggers() if q.asker == "promised-lanes-shed")
    (series,) = prometheus.ask(query.expression.replace(f'namespace="{NAMESPACE}"', 'namespace="another"'))
    assert float(series["value"][1]) == 0


@pytest.mark.parametrize("query", [q for q in alerts() if " > " in q.expression], ids=str)
def test_alerts_compare_a_number(prometheus: Prometheus, query: Query) -> None:
    """The expression of each alert has a value, except for alerts that need a fault first."""
    series = prometheus.ask(query.expression.rpartition(" > ")[0])
    found = [] if query.asker in NEED_A_FAULT else [NAMESPACE]
    assert [s["metric"]["namespace"] for s in series] == found


def test_prometheus_evaluates_every_rule(prometheus: Prometheus) -> None:
    """Prometheus evaluates all alerts on a running service without an error, and only the alert on shedding fires."""
    until(lambda: all(rule["health"] == "ok" for rule in prometheus.rules()), "all rules were evaluated")
    rules = prometheus.rules()
    assert len(rules) == len(alerts())
    assert {rule["name"] for rule in rules if rule["state"] != "inactive"} <= {
        "RerankdUrgentShed",
        "RerankdPromisedShed",
    }

"""A real Prometheus that scrapes a running service."""

import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.clients import until
from tests.deploy.queries import NAMESPACE

_LISTENING = re.compile(r'msg="Listening on" address=(\S+)')


class Prometheus:
    """A running Prometheus."""

    def __init__(self, program: str, folder: Path, *, admin: str, rules: dict[str, Any]) -> None:
        """Start Prometheus on a free port; it scrapes the admin port as a pod of job `rerankd`."""
        target = {
            "targets": [admin.removeprefix("http://")],
            "labels": {"namespace": NAMESPACE, "pod": "rerankd-0"},
        }
        settings = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{"job_name": "rerankd", "static_configs": [target]}],
        }
        (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(settings))
        log = folder / "log"
        with log.open("w") as output:
            self._process = subprocess.Popen(
                [
                    program,
                    f"--config.file={folder / 'prometheus.yaml'}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    "--web.listen-address=127.0.0.1:0",
                ],
                stdout=output,
                stderr=output,
            )
        try:
            until(lambda: _LISTENING.search(log.read_text()) is not None, "Prometheus listens")
        except AssertionError:
            self.stop()
            raise AssertionError(log.read_text()) from None
        address = _LISTENING.search(log.read_text())
        assert address
        self._api = f"http://{address[1]}/api/v1"

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """Return the current series of an expression."""
        answer = httpx.get(f"{self._api}/query", params={"query": expression}, timeout=10).json()
        assert answer["status"] == "success", answer
        assert answer["data"]["resultType"] == "vector"
        return answer["data"]["result"]

    def rules(self) -> list[dict[str, Any]]:
        """Return the state of the rules."""
        groups = httpx.get(f"{self._api}/rules", timeout=10).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def stop(self) -> None:
        """Stop Prometheus."""
        self._process.kill()
        self._process.wait()

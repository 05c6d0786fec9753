"""`/metrics` of a running Hel says what the org served, and what became of it."""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from examples.okta_org import Fault
from tests.journeys.workshop import SSWS, Workshop, source, stop, until

LOG = "/api/v1/logs"
TOKEN = "a-token-for-this-server"
RARELY = {"interval_secs": 3600, "jitter_secs": 0}
"""One tick, and then nothing that a scrape could be late for."""

Key = tuple[str, frozenset[tuple[str, str]]]


@dataclass
class Scraper:
    """Scrapes as Prometheus does, and holds every counter to growing only."""

    url: str
    text: str = ""
    samples: dict[Key, float] = field(default_factory=dict)

    def scrape(self) -> None:
        answer = httpx.get(f"{self.url}metrics", trust_env=False)
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        self.text, before = answer.text, self.samples
        self.samples = {}
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                self.samples[key] = sample.value
                if family.type in {"counter", "histogram"}:
                    assert sample.value >= before.get(key, 0), key

    def of(self, name: str, **labels: str) -> float:
        return self.samples[name, frozenset(labels.items())]

    def total(self, name: str) -> float:
        return sum(value for (found, _), value in self.samples.items() if found == name)

    def sources(self) -> set[str]:
        return {value for _, labels in self.samples for label, value in labels if label == "source"}

    def until(self, condition: Callable[[], bool]) -> None:
        def holds() -> bool:
            self.scrape()
            return condition()

        until(holds)


def asked(workshop: Workshop, limit: str) -> Counter[str]:
    """What the org answered to a source by the class of the status, and `events`."""
    found: Counter[str] = Counter()
    for request in workshop.org.ledger.requests:
        if f"limit={limit}" in request.target:
            found[f"{request.status // 100}xx" if request.status else "none"] += 1
            found["events"] += request.events
    return found


def configure(workshop: Workshop, **sources: Any) -> None:
    server = {"enabled": True, "port": 0, "token_env": "SERVER_TOKEN"}
    workshop.configure(sources, server=server)
    workshop.environment["SERVER_TOKEN"] = TOKEN


def limited(limit: int, **query: str) -> dict[str, Any]:
    return {"query_params": {"limit": str(limit), **query}, "schedule": RARELY}


def reload(scraper: Scraper) -> int:
    headers = {"authorization": f"Bearer {TOKEN}"}
    return httpx.post(f"{scraper.url}api/v1/reload", headers=headers, trust_env=False).status_code


def check_first_tick(scraper: Scraper, name: str, served: Counter[str]) -> None:
    for status in ("2xx", "4xx", "5xx", "none"):
        assert scraper.of("hel_requests_total", source=name, status=status) == served[status], status
    assert scraper.of("hel_events_total", source=name) == served["events"] == 1200
    assert scraper.of("hel_pages_total", source=name) == served["2xx"]
    assert scraper.of("hel_request_duration_seconds_count", source=name) == served["2xx"] + served["5xx"]
    assert scraper.of("hel_duplicates_total", source=name) == 0
    assert scraper.of("hel_rate_limit_requests", source=name) == 600
    assert scraper.of("hel_source_state", source=name, state="ok") == 1


def check_formats(scraper: Scraper) -> None:
    """Read by the parser of OpenMetrics, and liked by promtool (where it is installed, as by .ci/run)."""
    answer = httpx.get(f"{scraper.url}metrics", headers={"accept": "application/openmetrics-text"}, trust_env=False)
    families = open_metrics(answer.text)  # type: ignore[no-untyped-call]
    assert {"hel_events", "hel_requests", "hel_ready"} <= {family.name for family in families}
    if shutil.which("promtool"):
        command = ["promtool", "check", "metrics"]
        checked = subprocess.run(command, input=scraper.text, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_metrics_count_what_the_org_served_through_faults_a_reload_and_a_refused_one(workshop: Workshop) -> None:
    configure(workshop, okta=source(**limited(500)), gone=source(SSWS, **limited(300)))
    workshop.org.fault(Fault(kind="status", status=503, path=LOG, times=1))
    workshop.org.fault(Fault(kind="reset", path=LOG, times=1))
    process = workshop.start("run", "--output", "events.ndjson")
    assert process.stderr is not None
    said = (json.loads(line) for line in process.stderr)
    scraper = Scraper(next(line["url"] for line in said if line["event"] == "server.listening"))
    scraper.until(lambda: {"okta", "gone"} == scraper.sources() and scraper.total("hel_ticks_total") == 2)
    scraper.until(lambda: scraper.total("hel_events_total") == 2400)

    check_first_tick(scraper, "okta", asked(workshop, "500"))
    check_first_tick(scraper, "gone", asked(workshop, "300"))
    assert scraper.total("hel_request_retries_total") == 2, "an answer of 503, and a connection that was reset"
    assert scraper.total("hel_event_bytes_total") == workshop.output.stat().st_size
    assert scraper.of("hel_tokens_minted_total", token_server=workshop.org_url) == 1
    assert scraper.of("hel_commit_duration_seconds_count") > 0
    assert scraper.of("hel_ready") == 1

    # Another question overlaps what was delivered; one source goes, and one comes that fails.
    bad = source(SSWS, url="https://${OKTA_DOMAIN}/api/v1/nothing", **limited(77))
    configure(workshop, okta=source(**limited(400, filter='eventType ne "x"')), bad=bad)
    assert reload(scraper) == 200
    scraper.until(lambda: scraper.of("hel_ticks_total", source="okta") == 2 and "bad" in scraper.sources())
    scraper.until(lambda: scraper.of("hel_tick_failures_total", source="bad") == 1)
    assert scraper.sources() == {"okta", "bad"}
    again = asked(workshop, "400")["events"]
    assert again > 100
    assert scraper.of("hel_duplicates_total", source="okta") == again
    assert scraper.of("hel_events_total", source="okta") == 1200
    assert scraper.of("hel_requests_total", source="bad", status="4xx") == asked(workshop, "77")["4xx"] == 1
    assert scraper.of("hel_source_state", source="bad", state="failing") == 1
    assert scraper.of("hel_source_failures", source="bad") == 1

    read_at = scraper.of("hel_config_last_reload_success_timestamp_seconds")
    (workshop.folder / "hel.yaml").write_text("sources: {okta: {}}")
    assert reload(scraper) == 422
    scraper.scrape()
    assert scraper.of("hel_config_last_reload_successful") == 0
    assert scraper.of("hel_config_last_reload_success_timestamp_seconds") == read_at
    assert scraper.of("hel_metrics_faults_total") == 0

    check_formats(scraper)
    assert stop(process).code == 0
    assert not workshop.leaks()

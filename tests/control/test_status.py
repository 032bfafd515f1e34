from __future__ import annotations

import msgspec
import pytest

from proxy.control import ProbeResult
from proxy.errors import GatewayError
from tests.control.conftest import LayerStatus


@pytest.mark.parametrize("path", ["/health/liveliness", "/health/liveness", "/livez"])
async def test_alive_even_while_draining(ask, house, path):
    house.is_draining = True
    reply = await ask(path)
    assert (reply.status, msgspec.json.decode(reply.body)) == (200, "I'm alive!")


@pytest.mark.parametrize("path", ["/health/readiness", "/readyz", "/healthz"])
async def test_ready_until_it_drains(ask, house, path):
    ready = await ask(path)
    assert (ready.status, msgspec.json.decode(ready.body)) == (200, {"status": "healthy", "version": "1.2.3"})
    house.is_draining = True
    draining = await ask(path)
    assert (draining.status, msgspec.json.decode(draining.body)["status"]) == (503, "draining")


async def test_ready_though_every_upstream_is_benched(ask, house, status):
    house.statuses = [status(id="a", state="open")]
    assert (await ask("/health/readiness")).status == 200


async def test_health_says_which_deployments_work_and_why_others_do_not(ask, house, status):
    house.statuses = [
        status(id="a", in_flight=2, requests=10, failures=1, ewma_s=0.25, remaining_requests=12, tpm_used=7),
        status(id="b", state="open", reason="auth", until_s=12.5, requests=3, failures=3),
        status(id="c", state="half_open", reason="refused"),
    ]
    health = msgspec.json.decode((await ask("/health")).body)
    assert (health["healthy_count"], health["unhealthy_count"]) == (1, 2)
    assert health["healthy_endpoints"] == [
        {
            "model_group": "gpt-4o",
            "model": "gpt-4o-2024-11-20",
            "api_base": "https://api.openai.com/v1",
            "deployment_id": "a",
            "origin": "config.yaml:2 KEY_1",
            "state": "closed",
            "reason": "",
            "until": None,
            "until_s": 0.0,
            "in_flight": 2,
            "requests": 10,
            "failures": 1,
            "consecutive": 0,
            "ewma_s": 0.25,
            "remaining_requests": 12,
            "remaining_tokens": None,
            "rpm_used": None,
            "tpm_used": 7,
            "layers": [],
        }
    ]
    assert health["worker"] == 3
    benched = health["unhealthy_endpoints"][0]
    assert (benched["deployment_id"], benched["reason"], benched["until_s"]) == ("b", "auth", 12.5)
    assert house.probed == []


async def test_a_virtual_key_sees_what_it_may_use_and_nothing_of_the_operators(ask, house, status):
    rests = LayerStatus(
        kind="model", id="m1", name="sk-...: gpt", state="open", reason="failing", call_id="of-another"
    )
    house.statuses = [status(id="a", layers=(rests,)), status(id="b", group="secret-model")]
    sender = {"key": "k", "may_use": lambda model: model != "secret-model"}
    health = msgspec.json.decode((await ask("/health", **sender)).body)
    (only,) = health["healthy_endpoints"]
    assert (only["deployment_id"], only["origin"], only["layers"]) == ("a", "", [])
    assert (health["contained_errors"], health["state"]) == ({}, None)
    with pytest.raises(GatewayError) as refused:
        await ask("/health", "probe=true", **sender)
    assert (refused.value.status, refused.value.code) == (403, "master_key_needed")
    assert house.probed == []
    whole = msgspec.json.decode((await ask("/health", **sender, admin=True)).body)
    assert whole["healthy_endpoints"][0]["origin"] == "config.yaml:2 KEY_1"


async def test_health_of_one_model(ask, house, status):
    house.statuses = [status(id="a"), status(id="b", group="openai/gpt-4o")]
    health = msgspec.json.decode((await ask("/health", "model=openai%2Fgpt-4o")).body)
    assert [endpoint["deployment_id"] for endpoint in health["healthy_endpoints"]] == ["b"]
    assert msgspec.json.decode((await ask("/health", "model=nope")).body)["healthy_count"] == 0


async def test_probes_only_what_was_asked_for(ask, house, status):
    house.statuses = [status(id="a"), status(id="b", group="other")]
    house.probe_results = {"a": ProbeResult(True, 200, 0.25)}
    health = msgspec.json.decode((await ask("/health", "probe=true&model=gpt-4o")).body)
    assert house.probed == ["a"]
    assert health["healthy_endpoints"][0]["probe"] == {
        "ok": True, "status": 200, "latency_s": 0.25, "error": None
    }  # fmt: skip


async def test_a_failed_probe_makes_a_deployment_unhealthy(ask, house, status):
    house.statuses = [status(id="a"), status(id="b")]
    house.probe_results = {"a": ProbeResult(True, 200), "b": ProbeResult(False, 401, 0.1, "HTTP 401")}
    health = msgspec.json.decode((await ask("/health", "probe=true")).body)
    assert [endpoint["deployment_id"] for endpoint in health["unhealthy_endpoints"]] == ["b"]


async def test_a_good_probe_does_not_end_a_bench(ask, house, status):
    house.statuses = [status(id="a", state="open", reason="rate_limited")]
    house.probe_results = {"a": ProbeResult(True, 200)}
    health = msgspec.json.decode((await ask("/health", "probe=true")).body)
    assert health["unhealthy_endpoints"][0]["probe"]["ok"] is True


async def test_a_query_of_a_thousand_fields_is_not_read(ask, house, status):
    house.statuses = [status(id="a")]
    query = "model=nope&" + "&".join(f"f{n}=1" for n in range(1000))
    assert msgspec.json.decode((await ask("/health", query)).body)["healthy_count"] == 1

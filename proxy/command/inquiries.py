"""`--health` and `--test`: ask, print, exit."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import msgspec
import trio

from proxy import control
from proxy.command.banner import address_for_clients, chat_model
from proxy.config.load import Loaded
from proxy.config.schema import Config
from proxy.control.probe import probe_all
from proxy.providers.table import deployments

TEST_TIMEOUT_S = 60.0
"""For a whole short chat answer: reasoning models think before they speak."""


def health(config: Config, environ: Mapping[str, str]) -> int:
    """One line per upstream; 1 when any of them is not well, or there is none."""
    by_id = {deployment.id: deployment for deployment in deployments(config, environ)}
    if not by_id:
        print("no upstream is configured: give --config, --model or OPENAI_API_KEY")
        return 1
    results = trio.run(probe_all, control.HttpProbe(by_id.get), by_id)
    for id_, result in results.items():
        verdict = "ok" if result.ok else f"failed: {result.error or result.status}"
        deployment = by_id[id_]
        took = f"{result.latency_s * 1000:.0f} ms"
        print(deployment.group, deployment.api_base, deployment.called, verdict, took, sep="  ")
    return 0 if all(result.ok for result in results.values()) else 1


def test(host: str, port: int, loaded: Loaded) -> int:
    """A chat completion through a running gateway; prints its answer. 1 when it is none."""
    key = loaded.config.general_settings.master_key
    headers = {"authorization": f"Bearer {key.reveal()}"} if key else {}
    models = list(dict.fromkeys(entry.model_name for entry in loaded.config.model_list))
    body = {"model": chat_model(models), "messages": [{"role": "user", "content": "Say that you work."}]}
    url = f"http://{address_for_clients(host)}:{port}/v1/chat/completions"
    try:
        with httpx.Client(timeout=TEST_TIMEOUT_S, trust_env=False) as client:
            answer = client.post(url, json=body, headers=headers)
    except httpx.HTTPError as error:
        print(f"no gateway answered at {host} port {port}: {error}")
        return 1
    print(answer.status_code, _readable(answer))
    return 0 if answer.is_success else 1


def _readable(answer: httpx.Response) -> str:
    try:
        return msgspec.json.format(answer.content, indent=2).decode()
    except msgspec.DecodeError:
        return answer.text

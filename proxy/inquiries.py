"""`--health` and `--test`: ask, print, exit."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import msgspec
import trio

from proxy import control
from proxy.banner import chat_model
from proxy.config.load import Loaded
from proxy.config.schema import Config
from proxy.control.probe import probe_all
from proxy.providers.table import deployments

TEST_TIMEOUT_S = 60.0


def health(config: Config, environ: Mapping[str, str]) -> int:
    """One line per upstream; 1 when any of them is not well."""
    by_id = {deployment.id: deployment for deployment in deployments(config, environ)}
    results = trio.run(probe_all, control.HttpProbe(by_id.get), by_id)
    for id_, result in results.items():
        verdict = "ok" if result.ok else f"failed: {result.error or result.status}"
        print(
            f"{by_id[id_].group}  {by_id[id_].api_base}  {id_}  {verdict}  {result.latency_s * 1000:.0f} ms"
        )
    return 0 if all(result.ok for result in results.values()) else 1


def test(host: str, port: int, loaded: Loaded) -> int:
    """A chat completion through a running gateway; prints its answer."""
    key = loaded.config.general_settings.master_key
    headers = {"authorization": f"Bearer {key.reveal()}"} if key else {}
    models = list(dict.fromkeys(entry.model_name for entry in loaded.config.model_list))
    body = {"model": chat_model(models), "messages": [{"role": "user", "content": "Say that you work."}]}
    try:
        answer = httpx.post(
            f"http://{host}:{port}/v1/chat/completions", json=body, headers=headers, timeout=TEST_TIMEOUT_S
        )
    except httpx.HTTPError as error:
        print(f"no gateway answered at {host}:{port}: {error}")
        return 1
    print(answer.status_code, msgspec.json.format(answer.content, indent=2).decode())
    return 0 if answer.is_success else 1

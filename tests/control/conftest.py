"""The control room with stand-ins for what other rooms would hand in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec
import pytest

from proxy.control import DeploymentStatus, ProbeResult, RouteInfo, UpstreamModels, Word, metrics_page, pages
from proxy.types import Deployment, Page, PageRequest, Reply, Secret

Ask = Callable[..., Awaitable[Reply]]


class LayerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What routing says of a host, a key, a model or a kind of request."""

    kind: str = "key"
    id: str = "0123456789ab"
    name: str = "key config.yaml:2 KEY_1 at https://api.openai.com:443"
    state: str = "open"
    reason: str = "auth"
    since_s: float = 10.0
    until_s: float = 290.0
    status: int = 401
    word: str = "invalid_api_key"
    call_id: str = "call-1"


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What routing says of a deployment."""

    id: str
    group: str = "gpt-4o"
    model: str = "gpt-4o-2024-11-20"
    api_base: str = "https://api.openai.com/v1"
    state: str = "closed"
    reason: str = ""
    until_s: float = 0.0
    in_flight: int = 0
    requests: int = 0
    failures: int = 0
    consecutive: int = 0
    ewma_s: float | None = None
    remaining_requests: int | None = None
    remaining_tokens: int | None = None
    rpm_used: int | None = None
    tpm_used: int | None = None
    origin: str = "config.yaml:2 KEY_1"
    layers: tuple[LayerStatus, ...] = ()


async def render(openmetrics: bool) -> bytes:
    return b"# EOF\n" if openmetrics else b"numbers\n"


class House:
    """The rest of the gateway, as the control room sees it; tests change its fields."""

    def __init__(self) -> None:
        self.statuses: list[Status] = []
        self.models: list[str] = ["gpt-4o", "openai/gpt-4o", "gpt 4%"]
        self.is_draining = False
        self.probed: list[str] = []
        self.probe_results: dict[str, ProbeResult] = {}
        self.deployments: dict[str, Deployment] = {}
        self.held: list[tuple[str, Word, float | None]] = []
        self.layers: list[LayerStatus] = []

    def snapshot(self) -> Sequence[DeploymentStatus]:
        return self.statuses

    async def probe(self, deployment_id: str) -> ProbeResult:
        self.probed.append(deployment_id)
        return self.probe_results[deployment_id]

    def hold(self, deployment_id: str, word: Word, length_s: float | None) -> bool:
        self.held.append((deployment_id, word, length_s))
        return any(status.id == deployment_id for status in self.statuses)

    def group_of(self, name: str) -> str | None:
        return name if name in self.models else None

    def hold_layer(self, layer: str, word: Word, length_s: float | None) -> bool:
        self.held.append((layer, word, length_s))
        return any(layer == f"{status.kind}/{status.id}" for status in self.layers)

    def pages(self) -> tuple[Page, ...]:
        return pages(
            version="1.2.3",
            snapshot=self.snapshot,
            model_names=lambda: self.models,
            serves=lambda name: name in self.models or name.startswith("wild/"),
            behind=UpstreamModels(self.deployments.values(), self.group_of, 300),
            routes=lambda: [RouteInfo("/v1/chat/completions", ("POST",), "chat", "pipeline")],
            draining=lambda: self.is_draining,
            probe=self.probe,
            find=self.deployments.get,
            layers=lambda: self.layers,
            hold=self.hold,
            hold_layer=self.hold_layer,
            worker=3,
            metrics=metrics_page(render, Secret("sk-scraper"), public=False),
        )


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def status() -> type[Status]:
    return Status


@pytest.fixture
def ask(house: House) -> Ask:
    """Answers as the pipeline would: the page of that path, else the one whose `{name}` takes the rest."""
    by_path = {page.path: page for page in house.pages()}

    async def answer(
        path: str, query: str = "", method: str = "GET", base_url: str = "", **more: object
    ) -> Reply:
        page = by_path.get(path) or next(
            page
            for known, page in by_path.items()
            if "{" in known and path.startswith(known.partition("{")[0])
        )
        return await page.answer(PageRequest(method, path, query, base_url, **more))

    return answer

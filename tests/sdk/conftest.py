"""An upstream for each test, and the module's settings as they were."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sluice
from sluice.transport import kept
from tests.sdk.modes import LOOPS, MODES, Mode
from tests.sdk.upstream import Upstream, upstream_in_a_thread

KEYS = ("OPENAI_API_KEY", "OPENAI_API_BASE", "OPENAI_BASE_URL", "OPENAI_ORGANIZATION", "ANTHROPIC_API_KEY")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with upstream_in_a_thread() as found:
        yield found
        kept.close()


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    return MODES[request.param]


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> Mode:
    return LOOPS[request.param]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test sets on the module is gone after it; no key of the machine's reaches one."""
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    before = {name: vars(sluice)[name] for name in sluice.__annotations__ if name in vars(sluice)}
    yield
    vars(sluice).update(before)
    for name in [name for name in vars(sluice) if name.endswith("_key") and name not in before]:
        del vars(sluice)[name]

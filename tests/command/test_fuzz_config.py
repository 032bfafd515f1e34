"""What validates starts and reloads; what does not changes nothing. `make fuzz-config` looks at ten thousand files."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings

from loadtest.gateway_within import KeptRecords
from proxy.command.options import Options
from proxy.command.verdict import Place, judge
from proxy.config.load import Loaded
from proxy.process.edition import Edition, News
from proxy.process.editions import Editions
from proxy.routing.refusal import Unavailable
from proxy.types import Result, ResultKind
from proxy.worker.assembly import Gateway
from tests.command.config_files import ENVIRON, config_files

FILES = int(os.environ.get("FUZZ_FILES", "200"))
BEFORE = "model_list: [{model_name: before, litellm_params: {model: openai/before, api_key: k}}]\n"
PLACE = Place("127.0.0.1", 4000)


class Serving:
    """A gateway and its editions, as one worker has them; the file is written anew each time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "config.yaml"
        self._options = Options(config=self.path)
        self.path.write_text(BEFORE)
        first = judge(self._options, ENVIRON, PLACE).loaded()
        self.gateway = Gateway(first.config, first.environ, KeptRecords())
        self.editions = Editions(Edition(1, first.config, first.environ), self._read)

    def _read(self) -> Loaded:
        return judge(self._options, ENVIRON, PLACE).loaded()

    def starts(self) -> Gateway | None:
        """As `--validate_config` says; and then it does."""
        verdict = judge(self._options, ENVIRON)
        assert "please report it" not in str(verdict), str(verdict)
        if verdict.good is None:
            assert verdict.errors
            return None
        gateway = Gateway(verdict.good.config, verdict.good.environ, KeptRecords())
        _ask_for_everything(gateway)
        return gateway

    def reload(self) -> News:
        news = self.editions.latest()
        if news.edition is not None:
            self.gateway.reload(news.edition.config, news.edition.environ)
            _ask_for_everything(self.gateway)
        return news


def _ask_for_everything(gateway: Gateway) -> None:
    now = time.monotonic()
    router = gateway.router
    for model in (*gateway.model_names, "before", "openai/x", "x"):
        match = router.match(model)
        if match is not None:
            picked = router.pick(match.pool, now)
            if not isinstance(picked, Unavailable):
                router.settle(picked, Result(ResultKind.OK, 200), now)
    assert len(router.snapshot(now)) <= len(gateway.by_id)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with contextlib.chdir(tmp_path_factory.mktemp("fuzz")):
        yield Serving(Path())


@settings(
    max_examples=FILES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(written=config_files())
def test_what_validates_starts_and_reloads_and_what_does_not_changes_nothing(
    serving: Serving, written: bytes
) -> None:
    serving.path.write_bytes(written)
    served = serving.starts()
    starts = served is not None
    before = serving.gateway.pipeline, serving.gateway.config, serving.editions.newest
    news = serving.reload()
    event("starts" if starts else "refused")
    if news.edition is None:
        assert served is None or not served.by_id, "it starts, so it reloads"
        assert before == (serving.gateway.pipeline, serving.gateway.config, serving.editions.newest)
    else:
        assert starts
        assert serving.gateway.pipeline is not before[0]
        assert serving.editions.newest is news.edition

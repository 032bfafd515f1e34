"""What the first process writes, as its workers read it."""

from __future__ import annotations

import os

import msgspec

from proxy.config.models import LitellmParams, ModelEntry
from proxy.config.schema import Config
from proxy.process.bulletin import Bulletin, Reader
from proxy.process.edition import Edition, News
from proxy.process.orders import Order, target_of
from proxy.routing.router import Hold
from proxy.types import Secret

PARAMS = LitellmParams(
    model="openai/m", api_key=Secret("sk-secret"), default_params={"top_p": msgspec.Raw(b"0.5")}
)
CONFIG = Config(model_list=(ModelEntry(model_name="m", litellm_params=PARAMS),))
ENVIRON = {"ODD": "\udcff", "KEY": "sk-of-the-environment"}
DRAIN, BENCH = Order(target_of("a"), Hold.draining()), Order(target_of("b"), Hold.benched())


def test_nothing_was_written_yet() -> None:
    assert Reader(Bulletin(), 1).latest() == News()


def test_an_edition_arrives_whole_and_once() -> None:
    bulletin = Bulletin()
    reader, late = Reader(bulletin, 1), Reader(bulletin, 2)
    bulletin.publish(Edition(2, CONFIG, ENVIRON))
    found = reader.latest().edition
    assert found is not None
    assert (found.number, found.environ) == (2, ENVIRON)
    (entry,) = found.config.model_list
    assert entry.litellm_params.api_key == Secret("sk-secret")
    assert bytes(entry.litellm_params.default_params["top_p"]) == b"0.5"
    assert reader.latest() == News()
    assert late.latest() == News(), "it was started with it"


def test_of_two_editions_the_newest_counts() -> None:
    bulletin = Bulletin()
    reader = Reader(bulletin, 1)
    bulletin.publish(Edition(2, CONFIG, ENVIRON))
    bulletin.publish(Edition(3, Config(), {}))
    found = reader.latest().edition
    assert found is not None
    assert (found.number, found.config) == (3, Config())


def test_commands_arrive_once_and_who_is_new_hears_all() -> None:
    bulletin = Bulletin()
    reader = Reader(bulletin, 1)
    bulletin.pass_on(DRAIN)
    assert reader.latest().orders == (DRAIN,)
    bulletin.pass_on(BENCH)
    bulletin.publish(Edition(2, Config(), {}))
    assert reader.latest().orders == (BENCH,)
    assert reader.latest() == News()
    assert Reader(bulletin, 2).latest().orders == (DRAIN, BENCH)


def test_what_is_half_written_is_not_read() -> None:
    bulletin = Bulletin()
    bulletin.pass_on(DRAIN)
    reader = Reader(bulletin, 1)
    os.pwrite(bulletin._fd, b"\x00", 14)
    assert reader.latest() == News()
    bulletin.pass_on(BENCH)
    assert reader.latest().orders == (DRAIN, BENCH)


def test_no_key_is_in_a_repr() -> None:
    assert "sk-" not in repr(News(Edition(2, CONFIG, ENVIRON), (DRAIN,)))

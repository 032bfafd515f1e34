from __future__ import annotations

import os
import time
import uuid

import pytest

from proxy.accounting.record import Record, call_id
from proxy.types import Outcome


def test_call_ids_are_version_7_uuids_and_differ() -> None:
    before_ms = int(time.time() * 1000)
    call_id()
    ids = [call_id() for _ in range(1000)]
    assert len(set(ids)) == len(ids)
    for text in ids:
        parsed = uuid.UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 7, uuid.RFC_4122)
    assert max(ids)[:13] >= f"{before_ms >> 16:08x}-{before_ms & 0xFFFF:04x}"


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_workers_do_not_share_ids() -> None:
    call_id()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, call_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 100).decode()
    os.close(reader)
    os.close(writer)
    assert uuid.UUID(theirs)
    assert theirs not in {call_id() for _ in range(200)}


def test_a_record_nobody_finished_is_the_gateways_error() -> None:
    record = Record(call_id="c", started_unix_s=0.0, method="GET", route="/")
    assert record.outcome is Outcome.GATEWAY_ERROR
    assert record.usage is None

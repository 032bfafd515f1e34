from __future__ import annotations

import pytest

from proxy.types import PageRequest
from tests.control.conftest import House


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("application/openmetrics-text; version=1.0.0, text/plain;q=0.5", "application/openmetrics-text"),
    ],
)
async def test_each_scraper_gets_the_format_that_it_asks_for(
    house: House, accept: str, media_type: str
) -> None:
    (page,) = (page for page in house.pages() if page.path == "/metrics")
    reply = await page.answer(PageRequest("GET", "/metrics", accept=accept))
    assert reply.content_type.startswith(media_type)
    assert (reply.body == b"# EOF\n") is (media_type != "text/plain")
    assert page.admin
    assert not page.public

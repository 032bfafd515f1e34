from __future__ import annotations

import subprocess
import sys


def test_only_what_holds_no_secret_is_public(house):
    public = {page.path for page in house.pages() if page.public}
    assert public == {
        "/", "/docs", "/docs/static/{name}", "/openapi.json",
        "/health/liveliness", "/health/liveness", "/livez",
        "/health/readiness", "/readyz", "/healthz",
    }  # fmt: skip


def test_every_page_has_one_path_and_a_summary(house):
    pages = house.pages()
    assert len({page.path for page in pages}) == len(pages)
    assert all(page.summary for page in pages)


def test_importing_the_room_loads_nothing_slow():
    script = "import sys, proxy.control; print([m for m in ('httpx', 'proxy.control.openapi') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

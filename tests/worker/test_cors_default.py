"""Who may call from a browser when the configuration says nothing."""

from __future__ import annotations

import msgspec
import pytest

from proxy.config.schema import Config
from proxy.config.settings import GeneralSettings
from proxy.config.sluice import SluiceSettings
from proxy.gateway.telling.cors import Cors
from proxy.types import Secret
from proxy.worker.settings import CORS_VARIABLE, origins_allowed

PAGE = b"https://page.example"
KEYED = GeneralSettings(master_key=Secret("sk-x"))
KEYLESS = GeneralSettings()


@pytest.mark.parametrize(
    ("general", "said", "environ", "allowed"),
    [
        (KEYED, None, "", True),
        (KEYLESS, None, "", False),
        (KEYED, None, "https://a.example, https://page.example", True),
        (KEYED, None, "https://a.example", False),
        (KEYLESS, None, "*", True),
        (KEYED, (), "*", False),
        (KEYLESS, ("https://page.example",), "", True),
    ],
)
def test_who_may(general: GeneralSettings, said: tuple[str, ...] | None, environ: str, allowed: bool) -> None:
    config = msgspec.structs.replace(
        Config(), general_settings=general, sluice_settings=SluiceSettings(cors_allow_origins=said)
    )
    lines = Cors(origins_allowed(config, {CORS_VARIABLE: environ} if environ else {})).lines(PAGE)
    assert (b"Access-Control-Allow-Origin" in lines) == allowed

"""The gateway's providers as a library: `import sluice`, and `import sluice as litellm` where programs were written so.

Nothing is imported until it is used: each public name says in `_WHERE` which module it is from. What a program sets
on this module (`sluice.api_key = ...`) is read by each call.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` takes longer to import than all of this
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import httpx

    from proxy import __version__ as __version__
    from sluice.arguments import Callback as Callback
    from sluice.environment import load_env as load_env
    from sluice.functions import acompletion as acompletion
    from sluice.functions import completion as completion

# What a program may set. Keys of single providers (`openai_key`, `anthropic_key`, `groq_key` ...) outrank `api_key`.
api_key: str | None = None
openai_key: str | None = None
api_base: str | None = None
api_version: str | None = None
organization: str | None = None
headers: Mapping[str, str] | None = None
"""Sent with every request."""
drop_params: bool = False
"""Parameters that a provider refuses are left out, and do not raise UnsupportedParamsError."""
modify_params: bool = False
"""Messages may be changed where a provider would refuse them as they are."""
num_retries: int | None = None
"""Further attempts after a failure; None: 2, as openai's package."""
request_timeout: float = 600.0
"""Seconds for an answer, and for each silence within a stream."""
ssl_verify: bool | str = True
"""False: certificates are not checked. A path: the CA bundle to trust."""
client_session: httpx.Client | None = None
"""In place of the library's own transport; it is yours to close."""
aclient_session: httpx.AsyncClient | None = None
return_response_headers: bool = False
"""LiteLLM's: answers have `_response_headers` in any case."""
fallbacks: Sequence[str | Mapping[str, Any]] = ()
context_window_fallbacks: Mapping[str, str] = {}
success_callback: list[Callback] = []
failure_callback: list[Callback] = []
callbacks: list[Callback] = []
"""Told of both."""
set_verbose: bool = False
"""Each attempt is told to the logger `sluice`."""

_WHERE = {
    "__version__": "proxy",
    "Callback": "sluice.arguments",
    "load_env": "sluice.environment",
    "completion": "sluice.functions",
    "acompletion": "sluice.functions",
}
"""Public name -> the module that it is from, which is imported when it is first asked for."""


def __getattr__(name: str) -> object:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module 'sluice' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - who asks for nothing imports nothing

    found = globals()[name] = getattr(import_module(module), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})

"""The gateway's providers as a library: `import sluice`, and `import sluice as litellm` where programs were written so.

Nothing is imported until it is used: each public name says in `_WHERE` which module it is from. What a program sets
on this module (`sluice.api_key = ...`) is read by each call.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` takes longer to import than all of this
if TYPE_CHECKING:
    from proxy import __version__ as __version__

_WHERE = {
    "__version__": "proxy",
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

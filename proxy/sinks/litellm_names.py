"""`from litellm.integrations.custom_logger import CustomLogger`: what a user's file needs of LiteLLM, lent to it."""

from __future__ import annotations

import importlib.util
import sys
import types

SUCCESS, FAILURE = "log_success_event", "log_failure_event"
ASYNC_SUCCESS, ASYNC_FAILURE = f"async_{SUCCESS}", f"async_{FAILURE}"
MODULES = ("litellm", "litellm.integrations", "litellm.integrations.custom_logger")


class CustomLogger:
    """What is inherited from: nothing is done for what a class does not say."""

    def log_success_event(
        self, kwargs: object, response_obj: object, start_time: object, end_time: object
    ) -> None: ...
    def log_failure_event(
        self, kwargs: object, response_obj: object, start_time: object, end_time: object
    ) -> None: ...
    async def async_log_success_event(
        self, kwargs: object, response_obj: object, start_time: object, end_time: object
    ) -> None: ...
    async def async_log_failure_event(
        self, kwargs: object, response_obj: object, start_time: object, end_time: object
    ) -> None: ...


def lend() -> None:
    """Idempotent; LiteLLM's own is used where it is installed."""
    if MODULES[0] in sys.modules or importlib.util.find_spec(MODULES[0]) is not None:
        return
    parent: types.ModuleType | None = None
    for name in MODULES:
        module = types.ModuleType(name, "Lent by Sluice: nothing but CustomLogger.")
        module.__path__ = []
        sys.modules[name] = module
        if parent is not None:
            setattr(parent, name.rpartition(".")[2], module)
        parent = module
    assert parent is not None
    parent.CustomLogger = CustomLogger  # type: ignore[attr-defined]

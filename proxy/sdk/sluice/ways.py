"""Where a call leads: provider, model, base, key and headers, by the gateway's own rules (`proxy/providers`).

Made once for each set of arguments, settings and variables, and kept.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import msgspec

import sluice
from proxy import __version__
from proxy.config.fields import decode_custom
from proxy.config.models import LitellmParams, ModelEntry
from proxy.config.schema import Config
from proxy.config.settings import LitellmSettings
from proxy.providers.compatible.found import vendor_of
from proxy.providers.dialect import dialect_of, own_headers
from proxy.providers.reached import API_KEY
from proxy.providers.table import survey
from proxy.providers.url import origin, target
from proxy.types import Deployment
from sluice.arguments import REACHING
from sluice.environment import Read, same
from sluice.exceptions import AuthenticationError, BadRequestError, SluiceError

MOST_KEPT = 512
"""More sets of arguments than programs have; each is some kilobytes."""
OPENAIS = ("openai", "text-completion-openai")
AGENT = f"sluice/{__version__}"
PLAIN: tuple[tuple[str, str], ...] = (("User-Agent", AGENT), ("Accept", "application/json"))
_NAMES = tuple(sorted(REACHING))
_SETTINGS = ("api_key", "api_base", "api_version", "organization", "drop_params", "modify_params", "ssl_verify",
             "request_timeout")  # fmt: skip
_GIVEN_ALONE = ("api_key", "api_base", "api_version")
"""Settings that stand in for an argument of the same name."""


class Way:
    """A deployment as the library sees it. Shared by threads: nothing of it changes but what it remembers."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.provider = deployment.provider
        self.model = deployment.model
        self.dialect = dialect_of(deployment)
        self.place = origin(deployment.api_base)
        own = own_headers(deployment)
        said = [(name.decode(), value.decode("latin-1")) for name, value in own]
        named = {name.lower() for name, _ in said}
        plain = [(name, value) for name, value in PLAIN if name.lower() not in named]
        self.headers = httpx.Headers([*plain, *said])
        self._urls: dict[bytes, httpx.URL] = {}
        self._root = f"{self.place.scheme}://{self.place.host_header.decode()}"

    def url(self, path: bytes, model: str | None, query: bytes | None) -> tuple[httpx.URL, bytes]:
        """And what is asked for there: path and query. `path`: as OpenAI has it, without `/v1`."""
        if self.dialect.place is not None:
            asked = self.dialect.place(path, model, query)
        else:
            asked = target(self.place.base_path, path, query)
        found = self._urls.get(asked)
        if found is None:
            found = httpx.URL(self._root + asked.decode("latin-1"))
            if query is None:
                self._urls[asked] = found
        return found, asked

    @functools.cached_property
    def max_tokens(self) -> int | None:
        """The most that its model writes; None: not known. Reads the table of prices."""
        from proxy.pricing.book import PriceBook  # noqa: PLC0415 - for translations alone

        found = PriceBook().find(self.deployment).model
        return None if found is None else found.max_output_tokens


_kept: dict[object, tuple[Way, Mapping[str, str | None]]] = {}


def way_of(model: str, own: Mapping[str, Any]) -> Way:
    """`own`: the library's arguments. Raises SluiceError: of a key that is not there, of a provider that is none."""
    if not isinstance(model, str) or not model:
        raise BadRequestError("`model` is missing: name one, as in `gpt-4o` or `groq/llama-3.3-70b`.")
    settings = vars(sluice)
    mocks = "mock_response" in own or "mock_tool_calls" in own
    provider = own.get("custom_llm_provider") or _provider(model)
    key: object = (
        model,
        mocks,
        settings.get(f"{provider}_key"),
        *map(own.get, _NAMES),
        *map(settings.get, _SETTINGS),
    )
    try:
        found = _kept.get(key)
    except TypeError:  # a list among them
        key = repr(key)
        found = _kept.get(key)
    if found is not None and same(found[1]):
        return found[0]
    environ = Read()
    made = Way(_deployment(model, own, settings, environ))
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    _kept[key] = (made, environ.seen)
    return made


def _deployment(model: str, own: Mapping[str, Any], settings: Mapping[str, Any], environ: Read) -> Deployment:
    provider = own.get("custom_llm_provider") or _provider(model)
    params = {name: own[name] for name in _NAMES if own.get(name) is not None}
    if "mock_response" in own or "mock_tool_calls" in own:
        params["mock_response"] = ""  # nobody is asked: no key is needed
    if base := params.pop("base_url", None):
        params.setdefault("api_base", base)
    for name in _GIVEN_ALONE:
        if name not in params and settings.get(name) is not None:
            params[name] = settings[name]
    if own.get("api_key") is None and (key := settings.get(f"{provider}_key")):
        params["api_key"] = key
    organization = params.pop("organization", None) or (
        settings["organization"] if provider in OPENAIS else None
    )
    if organization:
        params["organization"] = (organization,)
    return _surveyed(model, provider, params, settings, environ)


@functools.lru_cache(MOST_KEPT)
def _provider(model: str) -> str:
    prefix, slash, _ = model.partition("/")
    return prefix if slash else vendor_of(model) or OPENAIS[0]


def _surveyed(
    model: str, provider: str, params: Mapping[str, Any], settings: Mapping[str, Any], environ: Read
) -> Deployment:
    defaults = LitellmSettings(
        drop_params=bool(settings["drop_params"]),
        modify_params=bool(settings["modify_params"]),
        ssl_verify=settings["ssl_verify"],
        request_timeout=float(settings["request_timeout"]),
    )
    entry = ModelEntry(model_name="*", litellm_params=_params(model, provider, params))
    found = survey(Config(model_list=(entry,), litellm_settings=defaults), environ)
    remarks = (*found.wrong, *found.unservable)
    if not remarks:
        return found.deployments[0]
    if remarks[0].key == API_KEY and "api_key" not in params and "" in environ.seen.values():
        # A variable that is set to nothing is written: a server of one's own is sent no key.
        return _surveyed(model, provider, {**params, "api_key": ""}, settings, environ)
    raise _unfit(remarks[0].key, remarks[0].text, model, provider)


def _params(model: str, provider: str, params: Mapping[str, Any]) -> LitellmParams:
    """Raises BadRequestError for a value that is none."""
    try:
        return msgspec.convert({"model": model, **params}, LitellmParams, dec_hook=decode_custom)
    except msgspec.ValidationError as error:
        raise BadRequestError(_said(str(error)), model, provider) from None


_AT = re.compile(r"^(?P<what>.*) - at `\$\.(?P<name>[^`]*)`$")


def _said(text: str) -> str:
    found = _AT.match(text)
    return f"`{found['name']}`: {found['what']}." if found else text


_YAML = ("write `api_key: os.environ/NAME`, or set", "pass `api_key=`, or set")
_EMPTY = re.compile(r" \(`api_key: \"\"` sends none, to a server of your own\)")


def _unfit(key: Sequence[str | int], text: str, model: str, provider: str) -> SluiceError:
    """In words for who writes Python."""
    said = _EMPTY.sub("; `api_key=''` sends none, to a server of your own", text.replace(*_YAML))
    if tuple(key) == API_KEY:
        return AuthenticationError(f"{model}: {said}", provider, model)
    return BadRequestError(f"{model}: {said}", model, provider)

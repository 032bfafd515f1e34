"""The tables of docs/configuration.md, from the Sections themselves.

`python -m proxy.config.reference docs/configuration.md` writes them anew, between the two marks of that page.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

import msgspec

from proxy.config.described import descriptions, summary
from proxy.config.fields import Section
from proxy.config.grammar import NOT_YET, grammar, taken_silently
from proxy.config.openai_params import OpenAIParams
from proxy.config.schema import Config
from proxy.config.schema_json import sections
from proxy.config.wording import expectation, plain

BEGIN = "<!-- tables: written by `python -m proxy.config.reference`; do not edit -->"
END = "<!-- end of tables -->"
_PLACES = {
    "Config": "The file",
    "ModelEntry": "`model_list[]`",
    "RouterSettings": "`router_settings`",
    "LitellmSettings": "`litellm_settings`",
    "GeneralSettings": "`general_settings`",
    "SluiceSettings": "`sluice_settings`",
    "Credential": "`credential_list[]`",
    "LitellmParams": "`model_list[].litellm_params`",
    "ModelInfo": "`model_list[].model_info`",
    "RetryPolicy": "`router_settings.retry_policy`, `router_settings.model_group_retry_policy.*`",
    "AllowedFailsPolicy": "`router_settings.allowed_fails_policy`",
    "KeySettings": "`sluice_settings.keys[]`",
    "KeyRotationSettings": "`sluice_settings.key_rotation`",
    "ModelBudgetSettings": "`sluice_settings.keys[].model_max_budget.*`",
    "SinkSettings": "`sluice_settings.sinks`",
    "WebhookSettings": "`sluice_settings.sinks.webhook`",
    "LangfuseSettings": "`sluice_settings.sinks.langfuse`",
    "OtelSettings": "`sluice_settings.sinks.otel`",
    "FileSettings": "`sluice_settings.sinks.file`",
    "S3Settings": "`litellm_settings.s3_callback_params`",
    "Alias": "`router_settings.model_group_alias.*`",
    "PassThroughEndpoint": "`general_settings.pass_through_endpoints[]`",
    "UpstreamParams": "`router_settings.default_litellm_params`, `credential_list[].credential_values`",
}


def tables() -> str:
    """Markdown: one table per Section, then the keys of LiteLLM's that are not honoured yet."""
    kinds = list(dict.fromkeys(sections(Config)))
    parts = [_table(kind) for kind in kinds if kind.__name__ != "UpstreamParams"]
    parts.append(_openai())
    parts.append(
        "## LiteLLM's keys that are not honoured yet\n\nEach gives one warning at start, and nothing else.\n"
    )
    shown = [kind for kind in kinds if kind.__name__ != "UpstreamParams"]
    parts += [_names(kind, NOT_YET[kind]) for kind in shown if NOT_YET.get(kind)]
    parts.append(
        "## LiteLLM's keys that are taken without a word\n\n"
        "What they turn off is not there, or is so already: they have no effect, and nothing is missed by that.\n"
    )
    parts += [_names(kind, taken_silently(kind)) for kind in shown if taken_silently(kind)]
    return "\n".join(parts)


def page(current: str) -> str:
    """The page with its tables made new."""
    head, _, rest = current.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{tables()}\n{END}{tail}"


def _table(kind: type[Section]) -> str:
    fields = sorted(grammar(kind).fields, key=lambda field: not field.required)
    rows = [_row(kind, field) for field in fields]
    head = f"## {_PLACES[kind.__name__]}\n\n{summary(kind)}\n\n| key | type | default | meaning |\n|---|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _row(kind: type[Section], field: msgspec.structs.FieldInfo) -> str:
    meaning = descriptions(kind)[field.name].replace("|", "\\|")
    return f"| `{field.name}` | {expectation(field.type)} | {_default(field)} | {meaning} |"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    if isinstance(field.default, bool):
        return str(field.default).lower()
    if isinstance(field.default, int | float):
        return plain(field.default)
    return field.default if isinstance(field.default, str) else ""


def _openai() -> str:
    names = ", ".join(f"`{field.name}`" for field in grammar(OpenAIParams).fields)
    return f"## OpenAI's parameters in `litellm_params`\n\n{_wrapped(names)}\n"


def _names(kind: type[Section], keys: Iterable[str]) -> str:
    names = ", ".join(f"`{name}`" for name in sorted(keys))
    return f"### {_PLACES[kind.__name__]}\n\n{_wrapped(names)}\n"


def _wrapped(names: str) -> str:
    return textwrap.fill(names, 118, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(page(target.read_text()))

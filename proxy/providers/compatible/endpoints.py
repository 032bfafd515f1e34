"""Which of OpenAI's endpoints compatible providers have themselves, beside chat; with the page that says so.

/responses is asked of a provider where it documents it for all its models, or where LiteLLM asks it there
(`get_provider_responses_api_config` and `llms/openai_like/providers.json` of 1.109.1); else it is said as a chat. What
is documented as a beta, for a few models, or without `previous_response_id`, is not relied on: Groq, Together,
SambaNova, DashScope, Scaleway, Hugging Face, Ollama. An entry's `model_info.supported_endpoints` has the last word.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.types import Deployment

RESPONSES_PATH, COMPLETIONS_PATH, MESSAGES_PATH = "/responses", "/completions", "/messages"
_OPENAIS = frozenset({"openai", "azure", "text-completion-openai"})
_LITELLM = "LiteLLM 1.109.1"
RESPONSES: Mapping[str, str] = {
    "aiand": _LITELLM,
    "azure_ai": "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/responses",
    "bedrock": "https://docs.aws.amazon.com/bedrock/latest/userguide/models-api-compatibility.html",
    "bedrock_mantle": "https://docs.aws.amazon.com/bedrock/latest/userguide/models-api-compatibility.html",
    "bigmodel": _LITELLM,
    "coralbricks": _LITELLM,
    "cortecs": _LITELLM,
    "edenai": _LITELLM,
    "empiriolabs": _LITELLM,
    "fireworks_ai": "https://docs.fireworks.ai/guides/response-api",
    "hosted_vllm": "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
    "inferenceapis": _LITELLM,
    "litellm_proxy": "https://docs.litellm.ai/docs/response_api",
    "lm_studio": "https://lmstudio.ai/blog/lmstudio-v0.3.29",
    "meta": _LITELLM,
    "neosantara": _LITELLM,
    "openinfer": _LITELLM,
    "openrouter": _LITELLM,
    "parasail": _LITELLM,
    "pinstripes": _LITELLM,
    "poe": "https://creator.poe.com/docs/external-applications",
    "prism": _LITELLM,
    "refuseless": _LITELLM,
    "sail": _LITELLM,
    "tensormesh": _LITELLM,
    "vercel_ai_gateway": "https://vercel.com/docs/ai-gateway/openresponses",
    "vllm": "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
    "volcengine": _LITELLM,
    "xai": _LITELLM,
    "zerogpu": _LITELLM,
}
CHAT_ALONE: Mapping[str, str] = {
    "ai21_chat": "https://docs.ai21.com/reference/jamba-1-6-api-ref",
    "bedrock": "https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html",
    "bedrock_mantle": "https://docs.aws.amazon.com/bedrock/latest/userguide/models-api-compatibility.html",
    "cohere": "https://docs.cohere.com/docs/compatibility-api",
    "cohere_chat": "https://docs.cohere.com/docs/compatibility-api",
    "gemini": "https://ai.google.dev/gemini-api/docs/openai",
    "github": "https://docs.github.com/rest/models/inference",
    "groq": "https://console.groq.com/docs/openai",
    "meta_llama": "https://llama.developer.meta.com/docs/api/chat",
    "mistral": "https://docs.mistral.ai/api",
    "moonshot": "https://platform.kimi.ai/docs/overview",
    "perplexity": "https://docs.perplexity.ai/api-reference/chat-completions-post",
    "vertex_ai": "https://cloud.google.com/vertex-ai/generative-ai/docs/start/openai",
    "zai": "https://docs.z.ai/api-reference/introduction",
}
"""Those without /completions. DeepSeek's is below its base (`/beta`)."""


def has(deployment: Deployment, path: str) -> bool:
    """Whether requests for the endpoint (`/responses`, `/completions`, `/messages`) go to it as they come."""
    said = deployment.abilities.endpoints
    if said is not None:
        return path in said
    if path == RESPONSES_PATH:
        return deployment.provider in _OPENAIS or deployment.provider in RESPONSES
    return path == COMPLETIONS_PATH and deployment.provider not in CHAT_ALONE

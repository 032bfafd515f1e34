"""The least it takes: OpenAI's own SDK, with the gateway's address and key.

pip install openai
"""

from __future__ import annotations

import os
from pathlib import Path

import openai

GATEWAY = os.environ.get("SLUICE_URL", "http://localhost:4000")
ENV_FILE = Path(__file__).parents[1] / ".env"  # `make run` writes the gateway's key here


def gateway_key() -> str:
    lines = ENV_FILE.read_text().splitlines() if ENV_FILE.exists() else []
    written = dict(line.split("=", 1) for line in lines if "=" in line)
    return os.environ.get("LITELLM_MASTER_KEY") or written.get("LITELLM_MASTER_KEY") or "sk-anything"


client = openai.OpenAI(base_url=f"{GATEWAY}/v1", api_key=gateway_key())

completion = client.chat.completions.create(
    model="gpt-4o",
    messages=[{"role": "user", "content": "Say hello in one sentence."}],
)
print(completion.choices[0].message.content)

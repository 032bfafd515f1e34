#!/usr/bin/env bash
# The gateway with curl alone. SLUICE_URL and LITELLM_MASTER_KEY say where and who.
set -euo pipefail

url="${SLUICE_URL:-http://localhost:4000}"
env_file="$(dirname "$0")/../.env" # `make run` writes the gateway's key here
if [[ -z "${LITELLM_MASTER_KEY:-}" && -f "$env_file" ]]; then
  LITELLM_MASTER_KEY="$(sed -n 's/^LITELLM_MASTER_KEY=//p' "$env_file")"
fi
auth="Authorization: Bearer ${LITELLM_MASTER_KEY:-sk-anything}"
json="Content-Type: application/json"

title() { printf '\n\n== %s\n' "$1"; }

title "Is it alive?"
curl -sS --fail-with-body "$url/health/liveliness"

title "Models"
curl -sS --fail-with-body "$url/v1/models" -H "$auth"

title "Chat"
curl -sS --fail-with-body "$url/v1/chat/completions" -H "$auth" -H "$json" -d '{
  "model": "gpt-4o",
  "messages": [{"role": "user", "content": "Hello!"}]
}'

title "Chat, streamed"
curl -sS --fail-with-body -N "$url/v1/chat/completions" -H "$auth" -H "$json" -d '{
  "model": "gpt-4o-mini",
  "stream": true,
  "stream_options": {"include_usage": true},
  "messages": [{"role": "user", "content": "Count from one to five."}]
}'

title "Embeddings"
curl -sS --fail-with-body "$url/v1/embeddings" -H "$auth" -H "$json" -d '{
  "model": "text-embedding-3-small",
  "dimensions": 8,
  "input": "The food was delicious."
}'

title "A file, by the passthrough: target_model_names chooses whose key keeps it"
curl -sS --fail-with-body "$url/openai/v1/files" -H "$auth" \
  -F target_model_names=gpt-4o \
  -F purpose=user_data \
  -F "file=@$0;filename=example.sh"

title "Health of every deployment"
curl -sS --fail-with-body "$url/health" -H "$auth"
echo

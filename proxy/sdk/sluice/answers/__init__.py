"""What calls give back: OpenAI's JSON as objects, by LiteLLM's names."""

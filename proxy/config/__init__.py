"""The configuration: LiteLLM's YAML, decoded once into frozen Structs and passed on.

fields schema models settings sluice openai_params    what may be written, and what it means
compose environ locate known decode entries            how a file becomes those Structs
load check                                             `load()` for the gateway, `validate()` for `--validate_config`
schema_json reference                                  the JSON Schema for editors, the tables of docs/configuration.md
"""

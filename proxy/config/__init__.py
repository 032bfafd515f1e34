"""The configuration: LiteLLM's YAML, decoded once into frozen Structs and passed on.

fields models openai_params settings sluice schema    what may be written, and what it means
known grammar                                          which other keys LiteLLM has, and the verdict on each
nodes notices compose environ                          files to one tree of nodes, `include` and `os.environ/` done
clean fill explain consistency wording                 the tree to a Config, or to every problem it has
load check                                             `load()` for the gateway, `validate()` for `--validate_config`
described schema_json reference                        the JSON Schema for editors, the tables of docs/configuration.md
"""

"""The configuration: LiteLLM's YAML, decoded once into frozen Structs and passed on.

fields models openai_params settings sluice schema    what may be written, and what it means
known unmissed upstream_params slips grammar           which other keys there are, and the verdict on each
nodes notices compose yaml_errors environ unset        files to one tree of nodes, `include` and `os.environ/` done
clean fill lacking origins                             the tree to what is meant, each entry with its place
explain prune consistency wording errors               every problem there is, in the words of who writes files
load                                                   `examine()`: a Config, and all there is to say about it
described schema_json reference                        the JSON Schema for editors, the tables of docs/configuration.md

Whether a file may be served, which takes more than reading it, is `command/verdict.py`'s to say.
"""

"""A gateway under load while its upstreams die, misbehave and return: answers are judged, growth is measured."""

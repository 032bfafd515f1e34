"""Sluice: a gateway for the OpenAI API.

The rooms, top to bottom; imports point down only, and the rooms of one floor do not know each other:

    sdk                     `import sluice`: the providers as a library; uses the rooms that need no gateway
    command                 what a person types and reads
    worker                  one worker: every part built once, wired, serving, drained
    process                 what keeps workers alive and tells them things
    edge                    the two doors: the fast HTTP/1.1 door and ASGI under hypercorn
    gateway                 the pipeline: who, what, where, the wire, the relay, the record
    control                 health, models, docs: never on the hot path
    access routing providers upstream accounting    who / where / how it is said / one attempt / what it cost
    config errors types wire                        words, sockets and bytes
    simulator               an upstream to try it all with; a process of its own

ARCHITECTURE.md follows one request through all of them.
"""

from proxy.loading import settle

BUILD = settle()
"""Before anything else is imported."""
__version__ = "0.1.0"

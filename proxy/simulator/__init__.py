"""A simulated OpenAI API: what `make run` serves when no real key is configured, and what many tests talk to.

    server, __main__    the simulator on a loopback port, under hypercorn
    app                 ASGI: who asks, which route, how the answer is sent and paced
    table               every route, from the families
    chat embeddings images responses threads runs files ...    one API family each
    generation          what a simulated model says: text, JSON of a wanted shape, or a tool call
    request answer route store    the words the families share

Families are plain functions `Request -> Answer`: they neither wait nor read sockets.
Shapes follow https://platform.openai.com/docs/api-reference. Any model name is accepted.
"""

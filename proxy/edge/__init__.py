"""The two doors: `http1` reads requests off raw sockets, `asgi` takes them from hypercorn. One pipeline behind."""

"""Sockets and bytes: trio plus raw non-blocking sockets. Knows nothing of gateways.

reactor   one nested epoll per worker: parks tasks, dispatches events, watches deadlines
link      one socket on the reactor; tls is a link whose bytes are encrypted
uplink    writes a request, and looks for the answer all the while
pump      moves one message's bytes from link to link without waking a task per chunk
head      strict HTTP/1.1 heads;  framing: where a body ends;  codings: what a compressed one says
gone      the client left;  walls: what one connection's failure may not reach
"""

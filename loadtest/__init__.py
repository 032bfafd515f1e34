"""The load-test room: a scriptable upstream, a locustfile, and the bench against nginx."""

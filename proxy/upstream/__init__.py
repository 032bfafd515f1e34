"""One attempt's wire: a destination, a pooled connection, a request sent, an answer's head read."""

"""What the client is told: the relay, the held stream, the refusal."""

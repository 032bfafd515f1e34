"""How it is said: where a request goes upstream and in which words. Pure and sans-io: bytes in, bytes out."""

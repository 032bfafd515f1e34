"""Clients that mean harm, or are broken: what they send, and how. For the tests, the fuzzers and chaos."""

"""Providers that speak OpenAI's API at a base of their own: one line each, and how a configuration's words find it."""

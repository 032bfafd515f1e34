"""Credentials that end: what is asked of whom for the next one. Pure; the worker asks, off the path of requests."""

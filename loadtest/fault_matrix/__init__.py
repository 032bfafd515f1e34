"""Every fault of an upstream, in every mode, with and without another key: what must come of it."""

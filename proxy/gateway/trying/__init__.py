"""Where a request goes, attempt by attempt, until one answers or nothing is left to try."""

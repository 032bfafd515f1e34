"""What `/metrics` tells: counts made of records, and levels of the moment, of all workers together."""

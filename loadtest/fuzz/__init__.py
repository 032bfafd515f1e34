"""Fuzzing: nonsense of every kind through either door of a real worker, which has to live and to answer others."""

"""Who, and may they: pure."""

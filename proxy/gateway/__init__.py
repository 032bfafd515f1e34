"""The pipeline: from a request's head to its one record. It does not know which door a request came through."""

"""One language said in another: requests by their fields, answers and streams by one neutral set of events."""

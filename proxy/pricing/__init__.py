"""What a request costs: the shipped table of prices, an operator's own, and the arithmetic. Pure."""

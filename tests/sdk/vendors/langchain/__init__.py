"""In the place of LangChain 0.0: what its documentation's example of a proxy needs, by the same names."""

"""Limits and budgets of real workers under load, while workers are killed: `make limits`.

scene      the gateway, its upstream, its clients
budget     a budget of 1 $ and many clients: where spending ends, and whether each refusal was right
minutes    requests per minute, in every sliding minute, while workers are killed
deaths     what a killed worker had reserved is given back
books      what was spent is the sum of the records, in the file and in memory
"""

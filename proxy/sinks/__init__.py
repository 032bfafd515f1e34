"""Where records go besides the log and the state file: other people's services, files, a user's own code.

sink        what a sink is: it sends a batch, or says that it is away, or that it will not take this one
delivery    the consumer around a sink: batches, retries, the spill
post        HTTP, as the sinks below use it
webhook langfuse otel s3 file python   the sinks
signing     AWS's signature, for s3
events      what is told besides records: budgets
"""

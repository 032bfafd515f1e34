"""Azure, Bedrock and Vertex: OpenAI's language at addresses of their own, with credentials of their own."""

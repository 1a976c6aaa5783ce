"""HTTP below the OpenAI-compatible client: bodies, headers, statuses, connections."""

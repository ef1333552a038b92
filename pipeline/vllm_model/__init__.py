"""vLLM inside this process: one engine, kept in a thread of its own, and what it is asked."""

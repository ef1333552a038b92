"""What this stand-in for vLLM is told on its command line, for whoever looks for an argument there."""

shutdown_timeout: int = 0

"""Models behind OpenAI-compatible servers, and how they are asked."""

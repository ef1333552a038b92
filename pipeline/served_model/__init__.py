"""Models behind OpenAI-compatible servers: how they are asked, and how one is started and kept."""

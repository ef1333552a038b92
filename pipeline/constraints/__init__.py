"""Plans in natural language: a small typed language of constraints, readers of schedules, and their checker."""

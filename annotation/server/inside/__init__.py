"""What runs in the server's own environment, as `python -m inside.web` and the like; it knows nothing of the rest."""

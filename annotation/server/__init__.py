"""The annotation server: an Argilla server in an environment of its own, its processes, accounts and search."""

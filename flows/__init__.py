"""Composition: the command line, the Prefect flows and the recipes."""

"""Arithmetic as it stands in text: expressions, equations and worked calculations; read without `eval`."""

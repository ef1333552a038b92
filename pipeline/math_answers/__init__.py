"""Mathematical answers: read as quantities, words, sets and expressions, and held against a gold one."""

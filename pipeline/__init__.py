"""Pure stages, the store that reads and writes tables, and the four plug-in folders."""

"""Declarations only: tables, ids, recipe models, errors, checks. Nothing here reads or writes."""

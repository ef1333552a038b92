"""Declarations: tables, ids, recipe models, errors, checks. No table is read or written here."""

"""Exporters write finished examples in the form that trainers load.

An exporter is a module here with `Config` (a pydantic model), and
`export(examples, evidence, config) -> str`, which writes everything or nothing and returns where it went.
`examples` is the examples table (a polars frame); `evidence` is what the data set card is made from.
"""

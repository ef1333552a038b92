"""Search engine of the Argilla server in one SQLite file, without Elasticsearch or OpenSearch."""

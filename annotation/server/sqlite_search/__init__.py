"""Search engine of the Argilla server in one SQLite file, in place of Elasticsearch or OpenSearch.

It runs in the server's own environment: `uvicorn sqlite_search.app:app` is the server with it, and
`python -m sqlite_search` has the server's commands with it (`worker`, `search-engine reindex`, ...). The file is
`ARGILLA_SQLITE_SEARCH_PATH`, or `search.db` in the server's home. It holds nothing that the server's database does not:
delete it, with the server stopped, and make it anew with `python -m sqlite_search search-engine reindex`.

Covers: all methods of the server's interface; text search in all fields or one (see `query_string`), filters, sorting,
similarity by exact cosine, progress and metadata metrics; several processes on one file; kill -9 at any moment.

Does not cover:
- stemming, synonyms, emoji, languages written without spaces other than Chinese and Japanese (see `words`);
- the slop of phrases is the number of words between; the words may also stand in another order;
- scores are BM25 as SQLite counts it, so records that match about as well may come in another order than elsewhere;
- more than one machine, and more vectors than memory holds (4 bytes for each dimension of each record).

Differs from the server's own engines, on purpose: a user's progress counts that user's responses alone; labels and
statuses of responses can be sorted by; a filter's value that cannot be compared with its property matches nothing where
they fail; a response to a record that the index lost is passed over, so that what the server stored is not reported as
failed.
"""

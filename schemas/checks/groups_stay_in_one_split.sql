-- All examples of a group are in one split.
SELECT group_id, count(DISTINCT split) AS n_splits FROM examples GROUP BY group_id HAVING n_splits > 1

-- Examples whose prompts share a source group or a cluster of duplicates are in one split.
WITH placed AS (
    SELECT examples.split, prompts.group_id, screened.cluster_id
    FROM examples
    JOIN prompts USING (prompt_id)
    JOIN screened USING (prompt_id)
)

SELECT group_id AS id, count(DISTINCT split) AS n_splits FROM placed GROUP BY group_id HAVING n_splits > 1
UNION ALL
SELECT cluster_id, count(DISTINCT split) AS n_splits FROM placed GROUP BY cluster_id HAVING n_splits > 1

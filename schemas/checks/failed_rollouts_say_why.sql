-- A rollout that failed has an error_kind and no text; one that did not fail has text and no error_kind.
SELECT rollout_id, finish_reason, error_kind
FROM rollouts
WHERE (finish_reason = 'error') <> (error_kind IS NOT NULL) OR (finish_reason = 'error') <> (text IS NULL)

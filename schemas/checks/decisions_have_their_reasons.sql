-- What is kept, now or for later, says so or why; what is dropped says why.
SELECT prompt_id AS id, decision, reason FROM screened WHERE (decision = 'kept') <> (reason = 'kept')
UNION ALL
SELECT id, decision, reason FROM choices WHERE (decision = 'kept') <> (reason = 'kept')
UNION ALL
SELECT prompt_id, decision, reason
FROM bands
WHERE decision <> CASE
    WHEN reason IN ('in_band', 'teachable', 'replayed') THEN 'kept'
    WHEN reason IN ('too_hard', 'unsolved') THEN 'later'
    ELSE 'dropped'
END

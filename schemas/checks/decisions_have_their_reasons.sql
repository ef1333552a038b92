-- What is kept says `kept`; what is dropped says why.
SELECT prompt_id AS id, decision, reason FROM screened WHERE (decision = 'kept') <> (reason = 'kept')
UNION ALL
SELECT id, decision, reason FROM choices WHERE (decision = 'kept') <> (reason = 'kept')

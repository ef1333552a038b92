-- The prompt that a duplicate points at is itself kept.
SELECT screened.prompt_id, screened.keeper_id
FROM screened
LEFT JOIN screened AS keeper ON keeper.prompt_id = screened.keeper_id
WHERE screened.keeper_id IS NOT NULL AND keeper.decision IS DISTINCT FROM 'kept'

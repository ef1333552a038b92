-- The trace or plan that a near-duplicate points at is itself kept.
SELECT choices.id, choices.kind, choices.keeper_id
FROM choices
LEFT JOIN choices AS keeper ON keeper.kind = choices.kind AND keeper.id = choices.keeper_id
WHERE choices.keeper_id IS NOT NULL AND keeper.decision IS DISTINCT FROM 'kept'

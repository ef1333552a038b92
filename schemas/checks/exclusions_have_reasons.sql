-- Everything that is excluded has a stage and a reason.
SELECT id, entity, stage, reason
FROM fates
WHERE fate = 'excluded' AND (coalesce(stage, '') = '' OR coalesce(reason, '') = '')

-- Every prompt, rollout and plan has exactly one fate.
SELECT id, entity, n
FROM (
    SELECT coalesce(fates.id, owed.id) AS id, coalesce(fates.entity, owed.entity) AS entity, count(fates.id) AS n
    FROM fates
    FULL JOIN (
        SELECT 'prompt' AS entity, prompt_id AS id FROM prompts
        UNION SELECT 'rollout', rollout_id FROM rollouts
        UNION SELECT 'plan', plan_id FROM plans
    ) AS owed ON owed.entity = fates.entity AND owed.id = fates.id
    GROUP BY ALL
)
WHERE n <> 1

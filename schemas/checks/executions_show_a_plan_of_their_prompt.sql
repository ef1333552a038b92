-- A rollout that carries out a plan shows a parsed plan of its own prompt; one that solves or guesses shows none.
-- (Of an edit that was taken back the plan is missing, and its rollouts stay.)
SELECT rollouts.rollout_id, rollouts.plan_id
FROM rollouts
LEFT JOIN plans USING (plan_id)
WHERE rollouts.arm IN ('execute', 'plan_only')
    AND (plans.prompt_id IS DISTINCT FROM rollouts.prompt_id OR coalesce(plans.status, '') <> 'parsed'
        AND NOT coalesce(plans.origin = 'person' AND plans.status = 'missing', false))
    OR rollouts.arm IN ('solve', 'guess', 'write_plan') AND rollouts.plan_id <> ''

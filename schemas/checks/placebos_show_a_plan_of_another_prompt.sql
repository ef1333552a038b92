-- A placebo shows a parsed plan of a prompt that is in another group than its own.
-- (Of an edit that was taken back the plan is missing, and its rollouts stay.)
SELECT rollouts.rollout_id, rollouts.plan_id
FROM rollouts
LEFT JOIN plans USING (plan_id)
LEFT JOIN prompts AS asked ON asked.prompt_id = rollouts.prompt_id
LEFT JOIN prompts AS planned ON planned.prompt_id = plans.prompt_id
WHERE rollouts.arm = 'placebo'
    AND (coalesce(plans.status, '') <> 'parsed'
        AND NOT coalesce(plans.origin = 'person' AND plans.status = 'missing', false)
        OR planned.group_id IS NOT DISTINCT FROM asked.group_id)

-- A placebo shows a parsed plan of a prompt that is in another group than its own.
SELECT rollouts.rollout_id, rollouts.plan_id
FROM rollouts
LEFT JOIN plans USING (plan_id)
LEFT JOIN prompts AS asked ON asked.prompt_id = rollouts.prompt_id
LEFT JOIN prompts AS planned ON planned.prompt_id = plans.prompt_id
WHERE rollouts.arm = 'placebo'
    AND (plans.status IS DISTINCT FROM 'parsed' OR planned.group_id IS NOT DISTINCT FROM asked.group_id)

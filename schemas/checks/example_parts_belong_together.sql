-- The rollout of every example, and the plan it shows, are of the example's prompt; the plan was parsed.
SELECT example_id, examples.prompt_id, examples.rollout_id, examples.plan_id
FROM examples
LEFT JOIN rollouts ON rollouts.rollout_id = examples.rollout_id
LEFT JOIN plans ON plans.plan_id = examples.plan_id
WHERE rollouts.prompt_id IS DISTINCT FROM examples.prompt_id
    OR (examples.plan_id <> '' AND (plans.prompt_id IS DISTINCT FROM examples.prompt_id OR plans.status <> 'parsed'))

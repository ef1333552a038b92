-- A plan that a person wrote edits another plan of its prompt, and no rollout wrote it; what others wrote edits none.
SELECT plans.plan_id, plans.origin, plans.parent_plan_id
FROM plans
LEFT JOIN plans AS parent ON parent.plan_id = plans.parent_plan_id
WHERE (plans.origin = 'person') <> (plans.parent_plan_id IS NOT NULL)
    OR plans.origin = 'person'
    AND (parent.prompt_id IS DISTINCT FROM plans.prompt_id OR plans.rollout_id IS NOT NULL)

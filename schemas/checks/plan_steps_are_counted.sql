-- n_steps of a plan is the number of its steps.
SELECT plan_id, n_steps FROM plans WHERE n_steps <> len(steps)

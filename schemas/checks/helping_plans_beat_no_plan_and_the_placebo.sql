-- A plan that helps was measured with, without and with a placebo, and did better than both.
SELECT plan_id, c_execute, n_execute, c_solve, n_solve, c_placebo, n_placebo
FROM plan_scores
WHERE decision = 'helps' AND (
    least(n_execute, n_solve, n_placebo) = 0
    OR c_execute * n_solve <= c_solve * n_execute
    OR c_execute * n_placebo <= c_placebo * n_execute
)

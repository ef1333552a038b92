-- The counts of a plan's score equal those of the pass rates of its prompt, its executor and its phase.
-- (Of the leak test they are no more: what comes with reasoning or at length is rated, but is no guess.)
-- Waits until the run is done: its tables are brought level one after the other.
WITH judged AS (
    SELECT pass_rates.prompt_id, generator_id, phase, arm, plan_id, n_rated AS n, n_correct AS c
    FROM pass_rates
    JOIN prompts ON prompts.prompt_id = pass_rates.prompt_id AND prompts.verifier = pass_rates.verifier
),

recount AS (
    SELECT score.plan_id, score.generator_id, score.phase,
        sum(n) FILTER (arm = 'execute' AND judged.plan_id = score.plan_id) AS n_execute,
        sum(c) FILTER (arm = 'execute' AND judged.plan_id = score.plan_id) AS c_execute,
        sum(n) FILTER (arm = 'solve') AS n_solve, sum(c) FILTER (arm = 'solve') AS c_solve,
        sum(n) FILTER (arm = 'placebo') AS n_placebo, sum(c) FILTER (arm = 'placebo') AS c_placebo,
        sum(n) FILTER (arm = 'plan_only' AND judged.plan_id = score.plan_id) AS n_plan_only,
        sum(c) FILTER (arm = 'plan_only' AND judged.plan_id = score.plan_id) AS c_plan_only,
        sum(n) FILTER (arm = 'guess') AS n_guess, sum(c) FILTER (arm = 'guess') AS c_guess
    FROM plan_scores AS score
    JOIN plans USING (plan_id)
    JOIN judged
        ON judged.prompt_id = plans.prompt_id AND judged.generator_id = score.generator_id
        AND judged.phase = score.phase
    GROUP BY ALL
)

SELECT plan_id, score.generator_id, score.phase
FROM plan_scores AS score
LEFT JOIN recount USING (plan_id, generator_id, phase)
WHERE (score.n_execute, score.c_execute) IS DISTINCT FROM (coalesce(recount.n_execute, 0), coalesce(recount.c_execute, 0))
    OR (score.n_solve, score.c_solve) IS DISTINCT FROM (coalesce(recount.n_solve, 0), coalesce(recount.c_solve, 0))
    OR (score.n_placebo, score.c_placebo)
        IS DISTINCT FROM (coalesce(recount.n_placebo, 0), coalesce(recount.c_placebo, 0))
    OR score.c_plan_only > score.n_plan_only OR score.c_guess > score.n_guess
    OR score.n_plan_only > coalesce(recount.n_plan_only, 0) OR score.c_plan_only > coalesce(recount.c_plan_only, 0)
    OR score.n_guess > coalesce(recount.n_guess, 0) OR score.c_guess > coalesce(recount.c_guess, 0)

-- The counts of pass_rates equal a recount of the latest verdicts, for every banded prompt.
-- Waits until the run is done: its tables are brought level one after the other.
WITH recount AS (
    SELECT rollouts.prompt_id, rollouts.generator_id, verdict.verifier, rollouts.arm, rollouts.plan_id, rollouts.phase,
        count(*) FILTER (outcome = 'correct') AS n_correct,
        count(*) FILTER (outcome = 'incorrect') AS n_incorrect,
        count(*) FILTER (outcome = 'undecided' AND reason = 'truncated') AS n_truncated,
        count(*) FILTER (outcome = 'undecided' AND reason = 'no_answer') AS n_no_answer,
        count(*) FILTER (outcome = 'undecided' AND reason = 'ambiguous') AS n_ambiguous,
        count(*) FILTER (outcome = 'undecided' AND reason = 'timeout') AS n_timeout,
        count(*) FILTER (outcome = 'undecided' AND reason = 'generation_error') AS n_generation_error,
        count(*) FILTER (outcome = 'undecided' AND reason = 'not_run') AS n_not_run,
        count(*) AS n
    FROM verdicts_latest AS verdict
    JOIN rollouts USING (rollout_id)
    GROUP BY ALL
)

SELECT prompt_id, generator_id, verifier, arm, plan_id, phase
FROM pass_rates AS said
FULL JOIN recount USING (prompt_id, generator_id, verifier, arm, plan_id, phase)
WHERE prompt_id IN (SELECT prompt_id FROM bands)
    AND (coalesce(said.n_correct, 0) <> coalesce(recount.n_correct, 0)
        OR coalesce(said.n_incorrect, 0) <> coalesce(recount.n_incorrect, 0)
        OR coalesce(said.n_truncated, 0) <> coalesce(recount.n_truncated, 0)
        OR coalesce(said.n_no_answer, 0) <> coalesce(recount.n_no_answer, 0)
        OR coalesce(said.n_ambiguous, 0) <> coalesce(recount.n_ambiguous, 0)
        OR coalesce(said.n_timeout, 0) <> coalesce(recount.n_timeout, 0)
        OR coalesce(said.n_generation_error, 0) <> coalesce(recount.n_generation_error, 0)
        OR coalesce(said.n_not_run, 0) <> coalesce(recount.n_not_run, 0)
        OR coalesce(said.n_correct + said.n_incorrect + said.n_truncated + said.n_no_answer + said.n_ambiguous
            + said.n_verifier_error + said.n_timeout + said.n_generation_error + said.n_not_run, 0)
            <> coalesce(recount.n, 0))

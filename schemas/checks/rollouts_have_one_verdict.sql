-- Every rollout of a banded prompt has exactly one latest verdict of each verifier that judged it, and one at least.
-- Waits until the run is done: its tables are brought level one after the other.
-- (Only rollouts that answer the prompt itself are judged by it.)
SELECT rollouts.rollout_id, count(verdict.rollout_id) AS n_verdicts, count(DISTINCT verdict.verifier) AS n_verifiers
FROM rollouts
LEFT JOIN verdicts_latest AS verdict USING (rollout_id)
WHERE rollouts.arm IN ('solve', 'guess', 'execute', 'placebo', 'plan_only')
    AND rollouts.prompt_id IN (SELECT prompt_id FROM bands)
GROUP BY rollouts.rollout_id
HAVING n_verdicts = 0 OR n_verdicts <> n_verifiers

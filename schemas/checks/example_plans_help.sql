-- A plan that an example's rollout was given helps its prompt most, and the example shows no other plan or uplift.
-- Waits until the run is done: its tables are brought level one after the other.
SELECT example_id, examples.plan_id, rollouts.plan_id AS given, score.decision, score.uplift
FROM examples
JOIN rollouts USING (rollout_id)
LEFT JOIN plan_scores AS score
    ON score.plan_id = rollouts.plan_id AND score.generator_id = rollouts.generator_id AND score.phase = rollouts.phase
WHERE rollouts.arm = 'execute' AND (
    score.decision IS DISTINCT FROM 'helps'
    OR examples.plan_id NOT IN ('', rollouts.plan_id)
    OR examples.plan_id <> '' AND examples.uplift IS DISTINCT FROM score.uplift
    OR score.uplift < (
        SELECT max(other.uplift)
        FROM plan_scores AS other
        JOIN plans USING (plan_id)
        WHERE plans.prompt_id = rollouts.prompt_id AND other.decision = 'helps'
            AND other.generator_id = score.generator_id AND other.phase = score.phase
    )
)

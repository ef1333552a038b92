-- A plan that an example's rollout was given helps its prompt most, and the example shows no other plan or uplift.
-- Waits until the run is done: its tables are brought level one after the other.
-- (Most of those that people do not rule out; of those that they stand behind, where no example has another.)
WITH standing AS (
    SELECT plans.plan_id, plans.prompt_id, plans.origin = 'person' OR coalesce(verdict = 'keep', false) AS is_annotated
    FROM plans
    LEFT JOIN adjudicated USING (plan_id)
    WHERE coalesce(verdict, 'undecided') NOT IN ('discard', 'fix')
)

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
        JOIN standing USING (plan_id)
        WHERE standing.prompt_id = rollouts.prompt_id AND other.decision = 'helps'
            AND (standing.is_annotated OR EXISTS (FROM examples AS shown WHERE shown.annotation = 'none'))
            AND other.generator_id = score.generator_id AND other.phase = score.phase
    )
)

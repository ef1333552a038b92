-- No example shows, or carries out, a plan that people discarded or want fixed, and each says what they said of its plan.
-- Waits until the run is done: its tables are brought level one after the other.
SELECT example_id, examples.plan_id, rollouts.plan_id AS given, examples.annotation
FROM examples
LEFT JOIN rollouts USING (rollout_id)
LEFT JOIN plans ON plans.plan_id = examples.plan_id
LEFT JOIN adjudicated AS said ON said.plan_id = examples.plan_id
WHERE EXISTS (
        FROM adjudicated AS judged
        WHERE judged.verdict IN ('discard', 'fix') AND judged.plan_id IN (examples.plan_id, rollouts.plan_id)
    )
    OR examples.annotation <> CASE
        WHEN plans.origin = 'person' THEN 'edited'
        WHEN said.verdict = 'keep' THEN 'accepted'
        ELSE 'none'
    END

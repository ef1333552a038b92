-- A rollout that was cut off or failed is judged neither correct nor incorrect.
SELECT rollout_id, rollouts.finish_reason, verdict.outcome
FROM rollouts
JOIN verdicts_latest AS verdict USING (rollout_id)
WHERE rollouts.finish_reason <> 'stop' AND verdict.outcome <> 'undecided'

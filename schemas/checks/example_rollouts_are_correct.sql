-- The rollout of every example was judged correct, and never incorrect.
SELECT example_id, rollout_id
FROM examples
WHERE rollout_id NOT IN (SELECT rollout_id FROM verdicts_latest WHERE outcome = 'correct')
    OR rollout_id IN (SELECT rollout_id FROM verdicts_latest WHERE outcome = 'incorrect')

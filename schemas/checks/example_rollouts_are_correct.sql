-- The rollout of every example was judged correct, and never incorrect.
-- Waits until the run is done: its tables are brought level one after the other.
SELECT example_id, rollout_id
FROM examples
WHERE rollout_id NOT IN (SELECT rollout_id FROM verdicts_latest WHERE outcome = 'correct')
    OR rollout_id IN (SELECT rollout_id FROM verdicts_latest WHERE outcome = 'incorrect')

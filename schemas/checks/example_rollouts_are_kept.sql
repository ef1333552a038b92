-- The rollout of every example is a trace that was kept.
-- Waits until the run is done: its tables are brought level one after the other.
SELECT example_id, rollout_id
FROM examples
WHERE rollout_id NOT IN (SELECT id FROM choices WHERE kind = 'trace' AND decision = 'kept')

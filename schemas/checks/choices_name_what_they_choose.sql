-- Every choice of a trace is of a correct rollout, and every choice of a plan is of a parsed plan.
-- Waits until the run is done: its tables are brought level one after the other.
SELECT id, kind
FROM choices
WHERE kind = 'trace' AND id NOT IN (SELECT rollout_id FROM verdicts_latest WHERE outcome = 'correct')
    OR kind = 'plan' AND id NOT IN (SELECT plan_id FROM plans WHERE status = 'parsed')

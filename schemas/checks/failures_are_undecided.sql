-- A crash, a truncation or a time-out is never a wrong answer: undecided has its own reasons, and only those.
SELECT rollout_id, verifier, outcome, reason
FROM verdicts_latest
WHERE (outcome = 'undecided') <> (reason IN (
    'truncated', 'no_answer', 'ambiguous', 'verifier_error', 'timeout', 'generation_error', 'not_run'
))

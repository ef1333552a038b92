-- One row a rollout and verifier: the verdict of the highest version of that verifier.
SELECT *
FROM verdicts
QUALIFY rank() OVER (PARTITION BY rollout_id, verifier ORDER BY try_cast(verifier_version AS INTEGER) DESC) = 1

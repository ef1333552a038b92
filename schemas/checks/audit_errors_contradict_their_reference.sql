-- Errors are right answers not judged correct, wrong ones judged correct, or verdicts that another verifier does not share.
SELECT source || '/' || verifier || '/' || against || '/' || kind AS audit, n_errors
FROM audits
WHERE n_errors <> CASE
    WHEN against = 'gold' OR (against = 'label' AND kind = 'correct') THEN n - n_correct
    WHEN against = 'near_miss' OR (against = 'label' AND kind = 'incorrect') THEN n_correct
    WHEN kind LIKE '%:correct' THEN n - n_correct
    WHEN kind LIKE '%:incorrect' THEN n - n_incorrect
    WHEN kind LIKE '%:undecided' THEN n - n_undecided
    ELSE -1
END

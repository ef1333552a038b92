-- A pass rate is n_correct / n_rated: over right and wrong answers, and cut-off ones in all rows or in none.
SELECT prompt_id, generator_id, verifier, arm, plan_id, phase, pass_rate, n_correct, n_rated
FROM pass_rates
WHERE (pass_rate IS NULL) <> (n_rated = 0)
    OR abs(pass_rate * n_rated - n_correct) > 1e-6
    OR n_rated - n_correct - n_incorrect <> CASE
        WHEN EXISTS (FROM pass_rates AS other WHERE other.n_rated > other.n_correct + other.n_incorrect) THEN n_truncated
        ELSE 0
    END

-- A pass rate is n_correct / (n_correct + n_incorrect), and null exactly where nothing was judged.
SELECT prompt_id, generator_id, verifier, arm, plan_id, phase, pass_rate, n_correct, n_incorrect
FROM pass_rates
WHERE (pass_rate IS NULL) <> (n_correct + n_incorrect = 0)
    OR abs(pass_rate * (n_correct + n_incorrect) - n_correct) > 1e-6

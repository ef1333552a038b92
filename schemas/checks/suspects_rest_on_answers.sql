-- A suspect key has answers against it, or correct ones that are shorter than usual.
SELECT prompt_id, reason
FROM suspects
WHERE n_correct > n_answers OR n_models < 1 OR CASE reason
    WHEN 'models_agree_against_key'
        THEN (n_agree > 0 AND n_agree <= n_answers - n_correct AND n_models_agree BETWEEN 1 AND n_models) IS NOT true
    ELSE (n_correct > 0 AND tokens_ratio < 1) IS NOT true
END

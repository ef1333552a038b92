-- A prompt that is kept, or kept for later, was measured: whoever decided on it has a rated answer to it.
-- Waits until the run is done: its tables are brought level one after the other.
SELECT prompt_id, decision, reason, region, strong_region
FROM bands
WHERE decision <> 'dropped' AND (
    region = 'unmeasured'
    OR (role = 'target, strong' AND coalesce(strong_region, 'unmeasured') = 'unmeasured')
    OR NOT EXISTS (
        FROM pass_rates
        WHERE pass_rates.prompt_id = bands.prompt_id AND pass_rates.generator_id = bands.generator_id
            AND arm = 'solve' AND phase = 'screen' AND n_rated > 0
    )
)

-- No prompt without a rated answer is too hard, in the band or too easy; with one, none is unmeasured.
-- Waits until the run is done: its tables are brought level one after the other.
SELECT bands.prompt_id, bands.region, sum(pass_rates.n_rated) AS n_rated
FROM bands
LEFT JOIN pass_rates
    ON pass_rates.prompt_id = bands.prompt_id AND pass_rates.generator_id = bands.generator_id
    AND pass_rates.arm = 'solve' AND pass_rates.phase = 'screen'
GROUP BY bands.prompt_id, bands.region
HAVING (bands.region = 'unmeasured') <> (coalesce(n_rated, 0) = 0)

-- The prompt of every example passed the screen, and `bands` keeps it.
-- Waits until the run is done: its tables are brought level one after the other.
SELECT example_id, prompt_id
FROM examples
WHERE prompt_id NOT IN (SELECT prompt_id FROM screened WHERE decision = 'kept')
    OR prompt_id NOT IN (SELECT prompt_id FROM bands WHERE decision = 'kept')

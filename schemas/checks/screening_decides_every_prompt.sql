-- Once screening has run, every prompt is either kept or dropped.
SELECT prompt_id
FROM prompts
WHERE prompt_id NOT IN (SELECT prompt_id FROM screened) AND EXISTS (FROM screened)

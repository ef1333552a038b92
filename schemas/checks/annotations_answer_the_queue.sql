-- Each submitted answer is to a question of its record, under the guidelines of that, in the question's own form.
SELECT record_id, question, annotator, version, value
FROM annotations
LEFT JOIN queue USING (record_id)
WHERE annotations.guideline_version IS DISTINCT FROM queue.guideline_version
    OR annotations.status = 'submitted' AND NOT coalesce(CASE question
        WHEN 'verdict' THEN value IN ('"keep"', '"fix"', '"discard"')
        WHEN 'strategy' THEN try_cast(value AS INTEGER) BETWEEN 1 AND 5
        WHEN 'abstraction' THEN try_cast(value AS INTEGER) BETWEEN 1 AND 5
        WHEN 'ranking' THEN json_type(try_cast(value AS JSON)) = 'ARRAY'
            AND list_has_all(queue.plan_ids, json_extract_string(try_cast(value AS JSON), '$[*].plan_id'))
        WHEN 'bad_steps' THEN json_type(try_cast(value AS JSON)) = 'ARRAY'
        WHEN 'edited_plan' THEN json_type(try_cast(value AS JSON)) = 'VARCHAR'
    END, false)

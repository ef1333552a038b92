-- Every example has a message that carries the loss, and none of the user's does.
SELECT example_id
FROM examples
WHERE len(list_filter(messages, lambda m: m.train)) = 0
    OR len(list_filter(messages, lambda m: m.train AND m.role <> 'assistant')) > 0

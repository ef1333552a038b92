-- What people decided of a plan is what some of them said of it, and no more people answered than were asked.
-- (Answers that were taken back since may have decided it: the next run decides anew.)
WITH said AS (
    SELECT queue.plan_ids[1] AS plan_id, queue.kind, annotations.annotator, annotations.value
    FROM annotations
    JOIN queue USING (record_id)
    WHERE question = 'verdict' AND status = 'submitted' AND annotator_kind = 'person' AND queue.kind <> 'gold'
)

SELECT plan_id, verdict, how, agreement, n_annotators
FROM adjudicated AS decided
WHERE (verdict = 'undecided') <> (how = 'open')
    OR (agreement IS NULL) <> (n_annotators = 0)
    OR how = 'unanimous' AND agreement IS DISTINCT FROM 1
    OR how = 'majority' AND (agreement > 0.5 AND agreement < 1) IS NOT true
    OR plan_id NOT IN (SELECT plan_ids[1] FROM queue WHERE kind <> 'gold')
    OR n_annotators > (
        SELECT count(DISTINCT annotator) FROM said WHERE said.plan_id = decided.plan_id AND kind <> 'adjudication'
    )
    OR how <> 'open' AND NOT EXISTS (
        FROM said
        WHERE said.plan_id = decided.plan_id AND value = '"' || verdict || '"'
            AND (kind = 'adjudication') = (how = 'adjudicator')
    )

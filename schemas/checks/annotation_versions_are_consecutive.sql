-- The versions of an answer count from 1, without a gap.
SELECT record_id, question, annotator, min(version) AS first, max(version) AS last, count(*) AS n
FROM annotations
GROUP BY record_id, question, annotator
HAVING first <> 1 OR last <> n

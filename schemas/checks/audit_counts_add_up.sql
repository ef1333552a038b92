-- Each audited answer has one verdict, and each error is listed.
SELECT source || '/' || verifier || '/' || against || '/' || kind AS audit, n, n_errors
FROM audits
WHERE n <> n_correct + n_incorrect + n_undecided OR n_errors <> len(errors) OR abs(error_rate - n_errors / n) > 1e-9

-- A prompt that is kept has no right guess, one that is guessable has, and no prompt has more right ones than guesses.
SELECT prompt_id, decision, reason, c_guesses, n_guesses
FROM bands
WHERE c_guesses > n_guesses OR (decision = 'kept' AND c_guesses > 0) OR (reason = 'guessable' AND c_guesses = 0)

"""The planning language PDDL: problems, their wording, and the plans that responses write for them."""

"""Pass rates: priors over them, rules when to stop sampling, the region each lies in, and how wrong that is."""

"""Agreement: how far people, and models beside them, say the same of the same items.

`table.agreement_rows` takes a table of answers and gives a row a question. The measures are modules of their own, pure
functions of arrays: Krippendorff's alpha, Gwet's AC1, Kendall's W, Cohen's kappa, and the model of Dawid and Skene.
"""

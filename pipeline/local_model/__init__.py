"""A language model in this process: its folder, how it is talked to, and CTranslate2, which samples it in batches."""

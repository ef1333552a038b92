"""vLLM itself: where it is installed, its servers on this machine, and its engine inside this process."""

"""Where state is kept and effects are acted on: the store, the loop and the worker threads."""

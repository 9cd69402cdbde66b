"""Who does it: backends that run phases, and the executor that puts store, saga and backend together."""

"""What to do: phases and the graph they make. Values only; nothing here runs, waits or reads a clock."""

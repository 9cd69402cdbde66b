"""How people see a pipeline: in a notebook, by magics. Reads stores, gives commands; decides nothing."""

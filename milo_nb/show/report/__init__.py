"""One HTML file about a session, for people who have no kernel: no script, no network, no other file."""

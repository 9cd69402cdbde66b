"""What results are."""

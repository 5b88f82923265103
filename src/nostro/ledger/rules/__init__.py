"""What may be posted: pure rules over frames."""

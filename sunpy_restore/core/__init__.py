"""What all restoration tasks share: Maps, inference, weights and metrics."""

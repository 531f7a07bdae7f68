"""What worker processes do: jobs and batches."""

"""What the platform keeps: a database and content-addressed bytes."""

"""ftkit: the fine-tuning lifecycle in one toolkit."""

__version__ = "0.1.0"

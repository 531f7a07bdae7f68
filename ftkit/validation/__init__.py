"""ftkit.validation"""

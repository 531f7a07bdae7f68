"""ftkit.data"""

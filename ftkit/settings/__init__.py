"""ftkit.settings"""

"""ftkit.display"""

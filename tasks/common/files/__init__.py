"""Files and folders that a user names: found, read, unpacked, prepared once, and compared."""

"""Other libraries' APIs on the parts of this one, each in a package of that library's name."""

"""The nouns that every stage speaks, and their arithmetic."""

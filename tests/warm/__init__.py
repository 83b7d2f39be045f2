"""Commands of orchestra in processes of their own that need not import it anew."""

"""How figures are shown: tables, documents, markup, pictures; of results, whatever was asked."""

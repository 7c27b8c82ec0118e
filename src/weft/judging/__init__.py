"""Pools of query-document pairs, judges that grade them, and what the grades make of a benchmark."""

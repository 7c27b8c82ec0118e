"""Having this file puts tests/ on the path, so that every test can `import tiny`."""

"""A package, so that spawned ranks can import the test that they run."""

"""What is to be done: trials, evaluations, data; and how long it takes."""

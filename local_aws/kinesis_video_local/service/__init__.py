"""What the emulated services share: requests and answers, botocore's models, errors, faults, quotas and the journal."""

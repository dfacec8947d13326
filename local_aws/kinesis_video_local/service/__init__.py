"""Code that the emulated services share: requests, answers, botocore's models, errors, faults, quotas, the journal."""

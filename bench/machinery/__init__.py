"""How it is measured: processes, Lambda and CloudFormation on this machine."""

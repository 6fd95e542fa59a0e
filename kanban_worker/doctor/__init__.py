"""What has to be in place, looked at thing by thing. It changes nothing."""

"""What every service stands on: promised events, consumed once, timers and deliveries."""

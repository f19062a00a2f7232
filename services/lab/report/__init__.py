"""Reports as people and programs get them, whatever of the lab they tell about."""

"""Routes about SendIt itself: its status, its configuration, exports and alarms."""

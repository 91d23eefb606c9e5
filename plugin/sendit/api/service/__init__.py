"""Routes about SendIt itself: its configuration, its numbers, exports, alarms, and the level of its log."""

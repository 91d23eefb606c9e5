"""Commands about SendIt itself: its configuration, exports, alarms, and the level of its log."""

"""What a rig of cameras will reach, before anybody buys or moves one."""

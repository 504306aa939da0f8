"""Ways to act on the real world, one file each; each offers `effector.protocol.Actuator`."""

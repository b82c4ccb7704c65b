"""Pure decisions: standard library only, no await, clock, disk or socket."""

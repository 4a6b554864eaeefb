"""What belongs to one kernel: the cluster that it uses, and its sessions there."""

"""The playbooks that ship: one JSON file each, read through `runtime.playbook_files`."""

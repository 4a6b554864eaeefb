"""What runs on a node before anything is installed there: any Python from 3.8 on, stdlib only."""

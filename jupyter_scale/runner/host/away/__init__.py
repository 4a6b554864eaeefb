"""What becomes of runs whose notebook is away: kept on disk, and handed out."""

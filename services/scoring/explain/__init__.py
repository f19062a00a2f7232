"""Why a lead scores as it does, what it lacks, and what would change it."""

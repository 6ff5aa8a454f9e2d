"""PURE: a patient's record and the knowledge in, facts and decisions out. Unknown is never no."""

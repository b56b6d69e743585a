"""DPCN (Cha et al.)."""

"""RIE (Shan et al., ACM MM 2021)."""

"""SelfSup (Sosa and Hogg, CVPRW 2023)."""

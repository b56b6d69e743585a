"""Any data set in the public Human3.6M layout."""

"""Amazon Mechanical Turk, in the format of the papers' own tool (github.com/phillipi/AMT_Real_vs_Fake)."""

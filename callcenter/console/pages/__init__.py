"""The pages people see, a file each; templates lie under ``web/templates``."""

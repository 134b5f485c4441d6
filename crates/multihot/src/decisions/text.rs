//! A tuning as a table on screen.

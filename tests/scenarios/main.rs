//! Stories of the whole line, each its own file named as the fact that it shows. One program, so that it links once.
#![allow(clippy::unwrap_used, reason = "a story stops where it is surprised")]

mod disk_keeps_what_was_synced;

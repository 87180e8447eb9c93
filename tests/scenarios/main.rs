//! Stories of the whole line, each its own file named as the fact that it shows. One program, so that it links once.
#![allow(clippy::unwrap_used, reason = "a story stops where it is surprised")]
#![allow(clippy::print_stdout, reason = "a random story says its seed")]

mod disk_keeps_what_was_synced;
mod return_and_void;
mod story;

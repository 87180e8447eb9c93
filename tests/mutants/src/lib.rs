#![doc = include_str!("../README.md")]

pub mod days;
mod judge;

use std::cell::Cell;

include!(concat!(env!("OUT_DIR"), "/core.rs"));

/// The bugs of `bugs.toml`, and those that found no place in the core any more.
pub mod list {
    include!(concat!(env!("OUT_DIR"), "/bugs.rs"));
}

pub use judge::{Made, as_handed_on, differences, made};

thread_local! {
    static PLANTED: Cell<Option<usize>> = const { Cell::new(None) };
}

/// The bug that is planted in this thread.
pub(crate) fn planted() -> Option<usize> {
    PLANTED.get()
}

/// Runs something with a bug of the list planted in the copy of the core.
pub fn with_bug<T>(number: usize, run: impl FnOnce() -> T) -> T {
    PLANTED.set(Some(number));
    let done = run();
    PLANTED.set(None);
    done
}

//! The journal's rules. What may be appended, what is the same sale told again, what may be deleted.

mod captured;

pub use captured::Captured;

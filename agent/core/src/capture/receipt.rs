//! What a receipt says. Its layout is a store's own, so it is data: a [`Template`] in TOML names the lines that it
//! wants by regular expressions. What no pattern names is not read, and nothing is guessed.

mod amount;
mod found;
mod guess;
mod read;
mod template;

pub use guess::guess;
pub use read::{NotRead, Place, only_drawer};
pub use template::{Template, TemplateError};

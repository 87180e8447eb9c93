//! The hardware that a store has, one row each.

use anyhow::{Result, bail};

/// One kind of device.
#[derive(Debug)]
pub(crate) struct Target {
    /// What people call it.
    pub(crate) name: &'static str,
    /// Rust's name.
    pub(crate) triple: &'static str,
    /// The C compiler that also links, as Debian names it.
    pub(crate) gcc: &'static str,
    /// Archiver of the same tool chain.
    pub(crate) ar: &'static str,
    /// Where Debian puts musl for the target, when the binary is static.
    pub(crate) musl: Option<&'static str>,
    /// The emulator and its arguments; none where this machine's own processor is meant.
    pub(crate) qemu: &'static [&'static str],
    /// What its size is to be.
    pub(crate) goal: &'static str,
}

/// Raspberry Pi 3 and later with a 64-bit system; older boards and systems; POS boxes.
const TARGETS: [Target; 3] = [
    Target {
        name: "arm64",
        triple: "aarch64-unknown-linux-musl",
        gcc: "aarch64-linux-gnu-gcc",
        ar: "aarch64-linux-gnu-ar",
        musl: Some("/usr/lib/aarch64-linux-musl"),
        qemu: &["qemu-aarch64-static"],
        goal: "below 6000000",
    },
    Target {
        name: "armhf",
        triple: "armv7-unknown-linux-gnueabihf",
        gcc: "arm-linux-gnueabihf-gcc",
        ar: "arm-linux-gnueabihf-ar",
        musl: None,
        qemu: &["qemu-arm-static", "-L", "/usr/arm-linux-gnueabihf"],
        goal: "below 6000000",
    },
    Target {
        name: "amd64",
        triple: "x86_64-unknown-linux-musl",
        gcc: "x86_64-linux-gnu-gcc",
        ar: "x86_64-linux-gnu-ar",
        musl: Some("/usr/lib/x86_64-linux-musl"),
        qemu: &[],
        goal: "none: such a box has room",
    },
];

/// All, or the one with that name.
pub(crate) fn choose(name: Option<&str>) -> Result<Vec<&'static Target>> {
    let chosen: Vec<_> = TARGETS
        .iter()
        .filter(|target| name.is_none_or(|name| name == target.name))
        .collect();
    if chosen.is_empty() {
        let known: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        bail!(
            "found target {:?}, wanted one of {}",
            name.unwrap_or_default(),
            known.join(", ")
        );
    }
    Ok(chosen)
}

//! `[[acknowledge]]`: that somebody takes responsibility for a wire that can carry clear card data.

use anyhow::Context as _;
use data_encoding::BASE64URL_NOPAD;
use tillwire_agent_core::capture::manifest::Acknowledgement;

use super::raw;

pub(super) fn given(raw: raw::Acknowledge) -> anyhow::Result<Acknowledgement> {
    let wanted = || {
        format!(
            "acknowledge {}: found the seal {:?}, wanted one as `tillwire-agent acknowledge` prints it",
            raw.lane, raw.seal
        )
    };
    let seal = BASE64URL_NOPAD.decode(raw.seal.as_bytes()).with_context(wanted)?;
    Ok(Acknowledgement {
        lane: raw.lane,
        by: raw.by,
        date: raw.date,
        seal,
    })
}

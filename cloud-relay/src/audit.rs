//! The log of what people did, as a file: one JSON object per line, and last its head with the relay's signature. Who
//! keeps such a file can tell later whether the relay's log still holds everything that is in it.

use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail, ensure};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use tillwire_proto::{Digest, RelayId};
use tillwire_relay_core::audit::{AuditEntry, Head, check};

use crate::store::{StoreError, audit_log};

/// Entries that are written at once.
const CHUNK: u32 = 10_000;

/// Longest line that is read, in bytes; ours are far shorter.
const LINE_LEN_MAX: usize = 1 << 20;

/// One entry as a line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    entry: AuditEntry,
    hash: Digest,
}

/// The file's last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedHead {
    /// The end of the chain in this file.
    pub head: Head,
    /// The relay that wrote it.
    pub relay: RelayId,
    /// Its Ed25519 key for receipts, in hexadecimal.
    pub key: String,
    /// Over the head, in hexadecimal.
    pub signature: String,
}

/// Writes the whole log. Returns the head that was signed.
///
/// # Errors
/// When the log cannot be read or does not hold, or the file cannot be written.
pub fn export(
    db: &Connection,
    relay: RelayId,
    key: &Ed25519KeyPair,
    out: &mut dyn Write,
) -> Result<SignedHead> {
    let mut head = Head::EMPTY;
    loop {
        let part = audit_log::after(db, head.number, CHUNK)?;
        if part.is_empty() {
            break;
        }
        for (entry, hash) in part {
            let hash = hash.with_context(|| format!("entry {} has no hash yet", entry.number))?;
            let line = Line { entry, hash };
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")?;
            head = check(head, [(line.entry, hash)])?;
        }
    }
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let signed = SignedHead {
        head,
        relay,
        key: hex(key.public_key().as_ref()),
        signature: hex(key.sign(&head.message()).as_ref()),
    };
    serde_json::to_writer(&mut *out, &signed)?;
    out.write_all(b"\n")?;
    Ok(signed)
}

/// Checks such a file by itself: every hash, and the signature over the head.
///
/// # Errors
/// Where it does not hold, with the line's number.
pub fn read(file: &mut dyn BufRead) -> Result<SignedHead> {
    let mut head = Head::EMPTY;
    let mut text = String::new();
    for number in 1_u64.. {
        text.clear();
        let read = std::io::Read::take(&mut *file, LINE_LEN_MAX as u64).read_line(&mut text);
        if read.with_context(|| format!("line {number}"))? == 0 {
            bail!(
                "found the end of the file after line {}, wanted a signed head there: it was cut",
                number - 1
            );
        }
        if let Ok(line) = serde_json::from_str::<Line>(&text) {
            head = check(head, [(line.entry, line.hash)]).with_context(|| format!("line {number}"))?;
            continue;
        }
        let signed: SignedHead = serde_json::from_str(&text)
            .with_context(|| format!("line {number} is neither an entry nor a head"))?;
        ensure!(
            signed.head == head,
            "the head names another end than the entries have"
        );
        let bytes = |hex: &str| data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes());
        UnparsedPublicKey::new(&ED25519, bytes(&signed.key)?)
            .verify(&head.message(), &bytes(&signed.signature)?)
            .map_err(|_| anyhow::anyhow!("the signature over the head does not hold"))?;
        return Ok(signed);
    }
    bail!("the file has more lines than can be counted")
}

/// Whether the relay's log still holds what a head that was exported earlier stands for.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn still_holds(db: &Connection, head: Head) -> Result<bool, StoreError> {
    Ok(head == Head::EMPTY || audit_log::hash_of(db, head.number)? == Some(head.hash))
}

#[cfg(test)]
mod tests;

//! `journal verify`, `journal export` and `journal show`: the journal read from its first byte, without trust.

use std::io::Write;

use data_encoding::HEXLOWER;
use rusqlite::{OptionalExtension as _, params};
use serde_json::json;
use tillwire_agent_core::journal::{Content, Head, TicketKey, Verifier};
use tillwire_proto::{Digest, Fact, Observation, RecordNumber, chain, decode_header, decode_observation};

use super::open::{row_id, row_number};
use super::read::{Reader, Segment, digest};

/// What `verify` looked at, and what it found wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Segments looked at.
    pub segments: u64,
    /// Records whose hash was computed again.
    pub records: u64,
    /// Attachments whose digest was computed again.
    pub attachments: u64,
    /// What does not hold, in words.
    pub broken: Vec<String>,
}

/// A record for people and programs.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its number.
    pub number: RecordNumber,
    /// Its chain hash.
    pub hash: Digest,
    /// Its body's bytes.
    pub body: Vec<u8>,
}

impl Reader {
    /// Computes every hash again: headers, chains, links between segments, attachments.
    ///
    /// # Errors
    /// When the disk cannot be read. What is read and wrong is in the report.
    pub fn verify(&self) -> anyhow::Result<Report> {
        let mut report = Report::default();
        self.verify_file(&mut report)?;
        let segments = self.segments()?;
        for segment in &segments {
            report.segments += 1;
            self.verify_chain(segment, &mut report)?;
            self.verify_attachments(segment, &mut report)?;
            verify_header(segment, &segments, &mut report);
        }
        Ok(report)
    }

    /// SQLite's own look at its pages.
    fn verify_file(&self, report: &mut Report) -> anyhow::Result<()> {
        let mut statement = self.db.prepare("PRAGMA quick_check(20)")?;
        let words = statement.query_map([], |row| row.get::<_, String>(0))?;
        for word in words {
            let word = word?;
            if word != "ok" {
                report.broken.push(format!("the database file: {word}"));
            }
        }
        Ok(())
    }

    /// A ticket is filed under its key with its content: that is what keeps one that is told again from counting twice.
    fn verify_filing(&self, segment: &Segment, shown: &Shown, report: &mut Report) -> anyhow::Result<()> {
        let Ok(Observation {
            witness,
            fact: Fact::Transaction(transaction),
            ..
        }) = decode_observation(&shown.body)
        else {
            return Ok(());
        };
        let key = TicketKey::of(&segment.lane, witness, &transaction);
        let record = row_id(segment.no, shown.number.0);
        let sql = "SELECT content FROM tickets WHERE key = ? AND revision = ? AND record = ?";
        let content: Option<Vec<u8>> = self
            .db
            .prepare_cached(sql)?
            .query_row(params![key.0, transaction.key.revision, record], |row| row.get(0))
            .optional()?;
        if content.is_none_or(|content| content != Content::of(&transaction).0) {
            report.broken.push(format!(
                "segment {}: record {} is not filed as ticket {}; told again it would count twice",
                segment.id, shown.number, transaction.key.ticket
            ));
        }
        Ok(())
    }

    fn verify_chain(&self, segment: &Segment, report: &mut Report) -> anyhow::Result<()> {
        let mut verifier = Verifier::new(segment.pruned);
        self.each_record(segment, segment.pruned.number, |shown| {
            report.records += 1;
            if let Err(broken) = verifier.check(shown.number, shown.hash, &shown.body) {
                report.broken.push(broken.to_string());
                // Go on from what is there, so that one break is told once.
                verifier = Verifier::new(Head {
                    segment: segment.id,
                    number: shown.number,
                    hash: shown.hash,
                });
            }
            self.verify_filing(segment, &shown, report)
        })
    }

    fn verify_attachments(&self, segment: &Segment, report: &mut Report) -> anyhow::Result<()> {
        let sql = "SELECT id, digest, len, packed FROM attachments WHERE id > ? AND id < ? ORDER BY id";
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query([row_id(segment.no, 0), row_id(segment.no + 1, 0)])?;
        while let Some(row) = rows.next()? {
            report.attachments += 1;
            let (stored, len): (Digest, usize) = (digest(row, 1)?, row.get::<_, u32>(2)? as usize);
            let plain = zstd::bulk::decompress(row.get_ref(3)?.as_blob()?, len);
            if !plain.is_ok_and(|plain| Digest::of(&plain) == stored) {
                let number = row_number(row.get(0)?);
                report.broken.push(format!(
                    "segment {}: attachment {number} is not the bytes that digest {stored} names",
                    segment.id
                ));
            }
        }
        Ok(())
    }

    /// Hands over a segment's records after `after`, in order.
    ///
    /// # Errors
    /// When the disk cannot be read, or what `each` returns.
    pub fn each_record(
        &self,
        segment: &Segment,
        after: RecordNumber,
        mut each: impl FnMut(Shown) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut statement = self
            .db
            .prepare("SELECT id, hash, body FROM records WHERE id > ? AND id < ? ORDER BY id")?;
        let mut rows = statement.query([row_id(segment.no, after.0), row_id(segment.no + 1, 0)])?;
        while let Some(row) = rows.next()? {
            each(Shown {
                number: RecordNumber(row_number(row.get(0)?)),
                hash: digest(row, 1)?,
                body: row.get(2)?,
            })?;
        }
        Ok(())
    }

    /// Writes everything as JSON lines: per segment its header, then its records.
    ///
    /// # Errors
    /// When the disk cannot be read or `out` not be written.
    pub fn export(&self, out: &mut dyn Write) -> anyhow::Result<u64> {
        let mut count = 0;
        for segment in self.segments()? {
            let header = json!({
                "kind": "header",
                "lane": segment.lane,
                "segment": segment.id,
                "header": HEXLOWER.encode(&segment.header),
                "pruned": segment.pruned.number,
                "pruned_hash": segment.pruned.hash,
            });
            writeln!(out, "{header}")?;
            self.each_record(&segment, segment.pruned.number, |shown| {
                count += 1;
                let record = json!({
                    "kind": "record",
                    "segment": segment.id,
                    "n": shown.number,
                    "hash": shown.hash,
                    "body": HEXLOWER.encode(&shown.body),
                });
                Ok(writeln!(out, "{record}")?)
            })?;
        }
        Ok(count)
    }

    /// The newest `count` records of each kept segment, decoded, as JSON.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn show(&self, count: u64) -> anyhow::Result<Vec<serde_json::Value>> {
        let mut shown = Vec::new();
        for segment in self.segments()? {
            let after = RecordNumber(
                segment
                    .last
                    .number
                    .0
                    .saturating_sub(count)
                    .max(segment.pruned.number.0),
            );
            self.each_record(&segment, after, |record| {
                let observation = match decode_observation(&record.body) {
                    Ok(observation) => serde_json::to_value(observation)?,
                    Err(error) => json!({ "undecodable": error.to_string() }),
                };
                shown.push(json!({
                    "lane": segment.lane, "segment": segment.id, "n": record.number,
                    "receipted": record.number <= segment.receipted, "observation": observation,
                }));
                Ok(())
            })?;
        }
        Ok(shown)
    }
}

fn verify_header(segment: &Segment, all: &[Segment], report: &mut Report) {
    let computed = chain::header_hash(&segment.header);
    if segment.pruned.number == RecordNumber::HEADER && segment.pruned.hash != computed {
        report.broken.push(format!(
            "segment {}: header hashes to {computed}, wanted {}",
            segment.id, segment.pruned.hash
        ));
    }
    let Ok(header) = decode_header(&segment.header) else {
        report
            .broken
            .push(format!("segment {}: its header does not decode", segment.id));
        return;
    };
    let Some(named) = header.predecessor else { return };
    let before = all.iter().find(|s| s.id == named.segment);
    if let Some(before) = before
        && (before.last.number, before.last.hash) != (named.number, named.hash)
    {
        report.broken.push(format!(
            "segment {} follows record {} of segment {}, but that ends at record {}",
            segment.id, named.number, named.segment, before.last.number
        ));
    }
}

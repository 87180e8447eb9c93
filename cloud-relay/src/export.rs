//! A store-day's evidence as a file: JSON lines of segment headers and the messages that devices signed, ending with
//! the day's totals as told. `verify` believes nothing in it but the devices' public keys: it checks every signature,
//! follows every chain from the segment's header, and adds the tickets up again.
//!
//! The whole of each segment up to the day's last record is in the file, because a chain begins with its header.

use std::collections::BTreeMap;
use std::io::BufRead;

use data_encoding::BASE64;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use tillwire_proto::{
    Amount, Batch, BusinessDay, BusinessKey, Currency, DeviceId, Digest, Envelope, Fact, MoneyError,
    RecordNumber, SegmentId, StoreId, Tally, TenantId, Transaction, UP_LEN_MAX, chain, decode_observation,
};

use crate::store::records::{self, SegmentRow};
use crate::store::{StoreError, days, devices};

/// One line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Line {
    /// The first line.
    Export {
        /// 1.
        form: u32,
        /// The retailer.
        tenant: TenantId,
        /// The store.
        store: StoreId,
        /// The business day.
        day: BusinessDay,
        /// When it was made, milliseconds since 1970.
        made_ms: i64,
    },
    /// A segment, before its messages.
    Segment {
        /// The segment.
        segment: SegmentId,
        /// Who wrote it.
        device: DeviceId,
        /// The device's public key, an uncompressed P-256 point in base64.
        public_key: String,
        /// The header's bytes in base64; the chain begins with their hash.
        header: String,
    },
    /// A message as its device signed it.
    Message {
        /// The segment.
        segment: SegmentId,
        /// First record that it adds here.
        first: RecordNumber,
        /// Its last record.
        last: RecordNumber,
        /// The sealed message in base64.
        message: String,
    },
    /// The last line: what the day's tickets add up to as the tills told them, each once, before voids are applied.
    Totals {
        /// Sales, returns and exchanges.
        trades: u64,
        /// Records of all segments.
        records: u64,
        /// Lines after discounts, per currency.
        net: BTreeMap<String, String>,
        /// Taxes, per currency.
        tax: BTreeMap<String, String>,
    },
}

/// What `verify` found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The first thing that is wrong, with its line; `None` when all is sound.
    pub wrong: Option<String>,
    /// Segments followed.
    pub segments: u64,
    /// Records followed.
    pub records: u64,
    /// Tickets of the day.
    pub trades: u64,
    /// Their net, in words.
    pub net: String,
    /// Their tax, in words.
    pub tax: String,
}

/// The lines of a store-day.
///
/// # Errors
/// [`StoreError::Refused`] when nothing is known of the day.
pub fn day(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
    day: BusinessDay,
    now_ms: i64,
) -> Result<Vec<Line>, StoreError> {
    let Some(row) = days::get(db, tenant, store, day)? else {
        return Err(StoreError::refused(format!(
            "nothing is known of {tenant}/{store} on {day}"
        )));
    };
    let mut lines = vec![Line::Export {
        form: 1,
        tenant: tenant.clone(),
        store: store.clone(),
        day,
        made_ms: now_ms,
    }];
    let mut told = Told::new(store, day);
    for (id, last) in segments_of(db, row.id)? {
        segment(db, &records::segment_at(db, id)?, last, &mut lines, &mut told)?;
    }
    let sums = told.sums().map_err(|e| StoreError::refused(e.to_string()))?;
    lines.push(Line::Totals {
        trades: sums.trades,
        records: told.records,
        net: sums.net,
        tax: sums.tax,
    });
    Ok(lines)
}

/// The day's segments, each with its last record that was filed under the day.
fn segments_of(db: &Connection, day: i64) -> Result<Vec<(i64, RecordNumber)>, StoreError> {
    let sql = "SELECT b.segment, max(b.last) FROM day_batches d JOIN batches b ON b.id = d.batch \
               WHERE d.store_day = ?1 GROUP BY b.segment ORDER BY b.segment";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map(params![day], |row| Ok((row.get(0)?, RecordNumber(row.get(1)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn segment(
    db: &Connection,
    row: &SegmentRow,
    last: RecordNumber,
    lines: &mut Vec<Line>,
    told: &mut Told,
) -> Result<(), StoreError> {
    let device = devices::get(db, &row.tenant, &row.device)?
        .ok_or_else(|| StoreError::refused(format!("device {}/{} is gone", row.tenant, row.device)))?;
    lines.push(Line::Segment {
        segment: row.segment,
        device: row.device.clone(),
        public_key: BASE64.encode(&device.public_key),
        header: BASE64.encode(&row.header),
    });
    for batch in records::range(db, row.id, RecordNumber(1), last)? {
        for record in records::records(&batch)? {
            told.add(&record.body);
        }
        lines.push(Line::Message {
            segment: row.segment,
            first: batch.first,
            last: batch.last,
            message: BASE64.encode(&batch.sealed),
        });
    }
    Ok(())
}

/// The day's tickets as told, each once: the newest revision, the first content.
struct Told {
    store: StoreId,
    day: BusinessDay,
    records: u64,
    tickets: BTreeMap<BusinessKey, Transaction>,
}

struct Sums {
    trades: u64,
    net: BTreeMap<String, String>,
    tax: BTreeMap<String, String>,
}

impl Told {
    fn new(store: &StoreId, day: BusinessDay) -> Self {
        Self {
            store: store.clone(),
            day,
            records: 0,
            tickets: BTreeMap::new(),
        }
    }

    fn add(&mut self, body: &[u8]) {
        self.records += 1;
        if let Ok(observation) = decode_observation(body)
            && let Fact::Transaction(transaction) = observation.fact
            && transaction.key.store == self.store
            && transaction.key.day == self.day
        {
            self.tickets
                .entry(transaction.key.clone())
                .or_insert(*transaction);
        }
    }

    fn sums(&self) -> Result<Sums, MoneyError> {
        let mut newest: BTreeMap<BusinessKey, &Transaction> = BTreeMap::new();
        for (key, transaction) in &self.tickets {
            // keys are in order of revision, so that a later one takes the place of an earlier
            newest.insert(
                BusinessKey {
                    revision: 0,
                    ..key.clone()
                },
                transaction,
            );
        }
        let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
        for transaction in newest.into_values() {
            let currency: Currency = transaction.currency;
            tallies
                .entry(currency.code())
                .or_insert_with(|| Tally::new(currency))
                .add(transaction)?;
        }
        let sums = |of: fn(&Tally) -> Amount| {
            tallies
                .iter()
                .map(|(code, tally)| ((*code).to_owned(), of(tally).decimal()))
                .collect()
        };
        Ok(Sums {
            trades: tallies.values().map(|tally| tally.trades).sum(),
            net: sums(|tally| tally.net),
            tax: sums(|tally| tally.tax),
        })
    }
}

/// Checks an export, line by line, and stops at the first thing that is wrong.
#[must_use]
pub fn verify(input: impl BufRead) -> Verdict {
    let mut check = Check::default();
    for (number, line) in input.lines().enumerate() {
        let done = line
            .map_err(|e| e.to_string())
            .and_then(|line| serde_json::from_str::<Line>(&line).map_err(|e| e.to_string()))
            .and_then(|line| check.line(line));
        if let Err(wrong) = done {
            check.verdict.wrong = Some(format!("line {}: {wrong}", number + 1));
            return check.verdict;
        }
    }
    if !check.ended {
        check.verdict.wrong = Some("the file ends before its totals".to_owned());
    }
    check.verdict
}

#[derive(Default)]
struct Check {
    verdict: Verdict,
    told: Option<Told>,
    segments: BTreeMap<SegmentId, Followed>,
    ended: bool,
}

struct Followed {
    public_key: Vec<u8>,
    through: RecordNumber,
    head: Digest,
}

impl Check {
    fn line(&mut self, line: Line) -> Result<(), String> {
        if self.ended {
            return Err("found a line after the totals".to_owned());
        }
        match (line, self.told.is_some()) {
            (
                Line::Export {
                    form: 1, store, day, ..
                },
                false,
            ) => {
                self.told = Some(Told::new(&store, day));
                Ok(())
            }
            (Line::Export { form, .. }, false) => Err(format!("found form {form}, wanted 1")),
            (Line::Export { .. }, true) => Err("found a second beginning".to_owned()),
            (_, false) => Err("the file does not begin with what it is".to_owned()),
            (
                Line::Segment {
                    segment,
                    public_key,
                    header,
                    ..
                },
                true,
            ) => self.open(segment, &public_key, &header),
            (
                Line::Message {
                    segment,
                    first,
                    message,
                    ..
                },
                true,
            ) => self.follow(segment, first, &message),
            (
                Line::Totals {
                    trades,
                    records,
                    net,
                    tax,
                },
                true,
            ) => self.end(trades, records, &net, &tax),
        }
    }

    fn open(&mut self, segment: SegmentId, public_key: &str, header: &str) -> Result<(), String> {
        let public_key = decode("public key", public_key)?;
        let head = chain::header_hash(&decode("header", header)?);
        let followed = Followed {
            public_key,
            through: RecordNumber::HEADER,
            head,
        };
        if self.segments.insert(segment, followed).is_some() {
            return Err(format!("found segment {segment} twice"));
        }
        self.verdict.segments += 1;
        Ok(())
    }

    fn follow(&mut self, segment: SegmentId, first: RecordNumber, message: &str) -> Result<(), String> {
        let followed = self
            .segments
            .get_mut(&segment)
            .ok_or_else(|| format!("segment {segment} has no header"))?;
        let next = followed.through.next();
        if first != next {
            return Err(format!("segment {segment}: found record {first}, wanted {next}"));
        }
        let at = |what: String| format!("segment {segment}, record {next}: {what}");
        let sealed = decode("message", message)?;
        let envelope = Envelope::open(&sealed, UP_LEN_MAX).map_err(|e| at(e.to_string()))?;
        envelope
            .verify_device(&followed.public_key)
            .map_err(|e| at(e.to_string()))?;
        let batch: Batch = envelope.decode().map_err(|e| at(e.to_string()))?;
        if batch.segment != segment {
            return Err(at(format!("the message is of segment {}", batch.segment)));
        }
        let run = batch.unpack().map_err(|e| at(e.to_string()))?;
        let skip = next
            .0
            .checked_sub(batch.first.0)
            .and_then(|skip| usize::try_from(skip).ok());
        let skip = skip.filter(|skip| *skip < run.bodies.len());
        let skip = skip.ok_or_else(|| {
            at(format!(
                "the message holds {} to {}",
                batch.first,
                batch.last_number()
            ))
        })?;
        let before = if skip == 0 {
            Some(&batch.previous)
        } else {
            run.hashes.get(skip - 1)
        };
        if before != Some(&followed.head) {
            return Err(at("it does not continue the record before it".to_owned()));
        }
        followed.through = batch.last_number();
        followed.head = batch.last;
        if let Some(told) = &mut self.told {
            for body in run.bodies.iter().skip(skip) {
                told.add(body);
                self.verdict.records += 1;
            }
        }
        Ok(())
    }

    fn end(
        &mut self,
        trades: u64,
        records: u64,
        net: &BTreeMap<String, String>,
        tax: &BTreeMap<String, String>,
    ) -> Result<(), String> {
        let Some(told) = &self.told else {
            return Err("the file has no beginning".to_owned());
        };
        let sums = told.sums().map_err(|e| e.to_string())?;
        let words = |sums: &BTreeMap<String, String>| {
            sums.iter()
                .map(|(code, sum)| format!("{sum} {code}"))
                .collect::<Vec<_>>()
                .join(" + ")
        };
        let same = |what: &str, found: String, wanted: String| {
            if found == wanted {
                Ok(())
            } else {
                Err(format!("{what}: stated {found}, the records give {wanted}"))
            }
        };
        same("records", records.to_string(), self.verdict.records.to_string())?;
        same("tickets", trades.to_string(), sums.trades.to_string())?;
        same("net", words(net), words(&sums.net))?;
        same("tax", words(tax), words(&sums.tax))?;
        (self.verdict.trades, self.verdict.net, self.verdict.tax) = (sums.trades, words(net), words(tax));
        self.ended = true;
        Ok(())
    }
}

fn decode(what: &str, text: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(text.as_bytes()).map_err(|e| format!("{what}: {e}"))
}

#[cfg(test)]
mod tests;

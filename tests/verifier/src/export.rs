//! A store-day's evidence as a file: JSON lines of settings, decisions, segment headers and the messages that devices
//! signed, ending with what was posted and moved and the day's totals as told. [`verify`] believes nothing in it but the
//! devices' public keys: it checks every signature, follows every chain from the segment's header, and adds tickets,
//! books and stock up again.
//!
//! The whole of each segment up to its last record that bears on the day is in the file, because a chain begins with its
//! header.

use std::collections::BTreeMap;
use std::io::BufRead;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tillwire_proto::{
    Batch, BusinessDay, DeviceId, Digest, Envelope, Observation, RecordNumber, SegmentId, StoreId, TenantId,
    UP_LEN_MAX, chain, decode_observation,
};

use crate::told::Told;
use crate::{Decision, Evidence, Place, Record};

/// The form of exports that this program writes and reads.
pub const FORM: u32 = 2;

/// One line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Line {
    /// The first line.
    Export {
        /// [`FORM`].
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
    /// The store's settings as the retailer wrote them, after the first line.
    Settings {
        /// The store's own table.
        store: Value,
        /// The mapping file, where there is one.
        mapping: Option<Value>,
    },
    /// What a person decided.
    Decision {
        /// About which exception, and which record is right, where one was chosen.
        decision: Decision,
        /// Who.
        by: String,
        /// When, milliseconds since 1970.
        at_ms: i64,
        /// Why.
        reason: String,
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
        /// When the relay stored it, milliseconds since 1970.
        received_ms: i64,
        /// The sealed message in base64.
        message: String,
    },
    /// What the relay has posted and moved of the day, before the last line.
    Stated {
        /// Debits less credits per account, in minor units.
        books: BTreeMap<String, i64>,
        /// What left the store less what came back, per item, in millionths.
        stock: BTreeMap<String, i64>,
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
    /// What the second calculation says about books and stock, in words.
    pub second: String,
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
    settings: Option<(Value, Option<Value>)>,
    decisions: Vec<Decision>,
    records: Vec<(Place, i64, Observation)>,
    stated: Option<(BTreeMap<String, i64>, BTreeMap<String, i64>)>,
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
                    form: FORM,
                    store,
                    day,
                    ..
                },
                false,
            ) => {
                self.told = Some(Told::new(&store, day));
                Ok(())
            }
            (Line::Export { form, .. }, false) => Err(format!("found form {form}, wanted {FORM}")),
            (Line::Export { .. }, true) => Err("found a second beginning".to_owned()),
            (_, false) => Err("the file does not begin with what it is".to_owned()),
            (Line::Settings { store, mapping }, true) => {
                self.settings = Some((store, mapping));
                Ok(())
            }
            (Line::Decision { decision, .. }, true) => {
                self.decisions.push(decision);
                Ok(())
            }
            (Line::Stated { books, stock }, true) => {
                self.stated = Some((books, stock));
                Ok(())
            }
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
                    received_ms,
                    message,
                    ..
                },
                true,
            ) => self.follow(segment, first, received_ms, &message),
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

    fn follow(
        &mut self,
        segment: SegmentId,
        first: RecordNumber,
        received_ms: i64,
        message: &str,
    ) -> Result<(), String> {
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
            let mut number = next;
            for body in run.bodies.iter().skip(skip) {
                told.add(body);
                self.verdict.records += 1;
                // what does not decode counts for nothing, here as there
                if let Ok(observation) = decode_observation(body) {
                    let place = Place { segment, number };
                    self.records.push((place, received_ms, observation));
                }
                number = number.next();
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
        self.verdict.second = self.second(told.day)?;
        self.ended = true;
        Ok(())
    }
}

impl Check {
    /// Adds the day up and holds it against what was posted and moved.
    fn second(&self, day: BusinessDay) -> Result<String, String> {
        let (Some((settings, mapping)), Some((books, stock))) = (&self.settings, &self.stated) else {
            return Err("the store's settings, or what was posted, is missing".to_owned());
        };
        let records = self
            .records
            .iter()
            .map(|(place, received_ms, observation)| Record {
                place: *place,
                received_ms: *received_ms,
                observation,
            });
        let figures = crate::figures(Evidence {
            day,
            settings,
            mapping: mapping.as_ref(),
            records: records.collect(),
            decisions: self.decisions.clone(),
        })?;
        let mut words = Vec::new();
        if books.is_empty() {
            words.push("nothing is posted yet".to_owned());
        } else {
            equal("account", "posted", books, &figures.books)?;
            words.push(format!("{} accounts are posted as computed", figures.books.len()));
        }
        // an item that Odoo does not know waits, and is no difference
        let moving: BTreeMap<String, i128> = figures
            .stock
            .into_iter()
            .filter(|(item, _)| stock.contains_key(item))
            .collect();
        equal("item", "moved", stock, &moving)?;
        words.push(format!("{} items are moved as computed", moving.len()));
        if !figures.left_out.is_empty() {
            words.push(format!("{} tickets are in neither", figures.left_out.len()));
        }
        Ok(words.join(", "))
    }
}

/// The first name on which what was done and what was computed differ is an error with both figures.
fn equal(
    what: &str,
    done: &str,
    stated: &BTreeMap<String, i64>,
    computed: &BTreeMap<String, i128>,
) -> Result<(), String> {
    for name in stated.keys().chain(computed.keys()) {
        let (found, wanted) = (
            stated.get(name).map_or(0, |figure| i128::from(*figure)),
            computed.get(name).copied().unwrap_or(0),
        );
        if found != wanted {
            return Err(format!(
                "{what} {name}: {done} {found}, the records give {wanted}"
            ));
        }
    }
    Ok(())
}

fn decode(what: &str, text: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(text.as_bytes()).map_err(|e| format!("{what}: {e}"))
}

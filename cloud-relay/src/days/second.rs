//! The second calculation: before anything is intended, somebody who shares no code with our books computes the day
//! again. Where the two differ nothing goes to Odoo, and an exception names both figures.
//!
//! Why the auditor's own package does it: `decisions/0004-a-second-calculation-before-each-posting.md`.

use std::fmt::Debug;

use tillwire_proto::{BusinessDay, RecordNumber, SegmentId};
use tillwire_relay_core::books::Posting;
use tillwire_relay_core::exception::{Decision, ExceptionDraft, Signature};
use tillwire_relay_core::facts::Captured;
use tillwire_relay_core::second::{Refused, SecondFigures, books_differ, stock_differs};
use tillwire_relay_core::settings::StoreSettings;
use tillwire_relay_core::stock::StockTarget;
use tillwire_verifier::{Evidence, Place, Record};

use crate::store::days::DayRow;
use crate::store::exceptions::{self, Source};
use crate::store::{StoreError, Unit};

/// Whoever computes a day a second time.
pub trait SecondCalculation: Debug + Send + Sync + 'static {
    /// What the day comes to.
    ///
    /// # Errors
    /// Why nobody can say.
    fn figures(
        &self,
        settings: &StoreSettings,
        day: BusinessDay,
        records: &[Captured],
        signatures: &[Signature],
    ) -> Result<SecondFigures, String>;
}

/// The auditor's package.
#[derive(Debug, Clone, Copy)]
pub struct Auditor;

impl SecondCalculation for Auditor {
    fn figures(
        &self,
        settings: &StoreSettings,
        day: BusinessDay,
        records: &[Captured],
        signatures: &[Signature],
    ) -> Result<SecondFigures, String> {
        let figures = tillwire_verifier::figures(Evidence {
            day,
            settings: &settings.written.store,
            mapping: settings.written.mapping.as_deref(),
            records: records.iter().map(record).collect(),
            decisions: signatures.iter().map(decision).collect(),
        })?;
        Ok(SecondFigures {
            books: figures.books,
            stock: figures.stock,
        })
    }
}

fn record(captured: &Captured) -> Record<'_> {
    Record {
        place: place(captured.id.segment, captured.id.number),
        received_ms: captured.received_ms,
        observation: &captured.observation,
    }
}

pub(crate) fn decision(signature: &Signature) -> tillwire_verifier::Decision {
    tillwire_verifier::Decision {
        cause: signature.cause.as_str().to_owned(),
        uses: match signature.decision {
            Decision::GoOn => None,
            Decision::Use(record) => Some(place(record.segment, record.number)),
        },
    }
}

const fn place(segment: SegmentId, number: RecordNumber) -> Place {
    Place { segment, number }
}

/// The second calculation's answer about one day, and what was refused because of it.
pub(super) struct Check<'a> {
    row: &'a DayRow,
    settings: &'a StoreSettings,
    figures: &'a Result<SecondFigures, String>,
    refused: Vec<ExceptionDraft>,
}

impl<'a> Check<'a> {
    pub(super) const fn new(
        row: &'a DayRow,
        settings: &'a StoreSettings,
        figures: &'a Result<SecondFigures, String>,
    ) -> Self {
        Self {
            row,
            settings,
            figures,
            refused: Vec::new(),
        }
    }

    /// True when all postings of the day, there and due, come to the second calculation's figures.
    pub(super) fn allows_books<'p>(&mut self, postings: impl IntoIterator<Item = &'p Posting>) -> bool {
        let Some(figures) = self.understood() else {
            return false;
        };
        let differences = books_differ(figures, postings);
        if !differences.is_empty() {
            self.refuse(Refused::Books(&differences, self.settings.currency));
        }
        differences.is_empty()
    }

    /// True when what should have left the stock is what the second calculation says.
    pub(super) fn allows_stock(&mut self, target: &StockTarget) -> bool {
        let Some(figures) = self.understood() else {
            return false;
        };
        let differences = stock_differs(figures, target);
        if !differences.is_empty() {
            self.refuse(Refused::Stock(&differences));
        }
        differences.is_empty()
    }

    fn understood(&mut self) -> Option<&'a SecondFigures> {
        match self.figures {
            Ok(figures) => Some(figures),
            Err(why) => {
                self.refuse(Refused::All(why));
                None
            }
        }
    }

    fn refuse(&mut self, refused: Refused<'_>) {
        let (tenant, store) = (&self.row.tenant, &self.row.store);
        let draft = refused.exception(tenant, store, self.row.day);
        tracing::error!(%tenant, %store, day = %self.row.day, "{}", draft.detail);
        self.refused.push(draft);
    }

    /// Tells people what was refused, and takes back what no longer is.
    pub(super) fn tell(self, unit: &mut Unit<'_>, now_ms: i64) -> Result<(), StoreError> {
        for draft in &self.refused {
            exceptions::raise(unit, Source::Second, draft, now_ms)?;
        }
        let (tenant, store) = (&self.row.tenant, &self.row.store);
        exceptions::settle(
            unit,
            Source::Second,
            tenant,
            store,
            Some(self.row.day),
            &self.refused,
            now_ms,
        )
    }
}

//! Till events in our own form, for what no ticket tells: the drawer's day.
//!
//! ```json
//! {"event": "PaidOut", "station_id": 100011, "number": "E-17", "at": "2026-11-14T12:10:00",
//!  "operator": "Priya", "amount": "15.00", "reason": "window cleaner"}
//! ```
//! `agent/docs/till-events.md` lists every event with its fields. Unknown fields are errors: a misspelt `amount`
//! must not become a movement of nothing.

use serde::Deserialize;
use tillwire_proto::{
    Amount, Body, BusinessDay, BusinessKey, Code, Counted, Currency, DrawerMovement, LocalTime, Operator,
    RegisterId, Tally, TenderKind, TenderTotal, TicketNumber, TillCount, Transaction, TransactionKind,
};

use super::error::TicketError;
use super::ticket::station;
use super::wire::{amount, optional};
use crate::scalar::{Object, Scalar};
use crate::settings::HeartlandRetailSettings;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TillEvent<'a> {
    #[serde(borrow)]
    event: Scalar<'a>,
    #[serde(borrow, default)]
    register: Scalar<'a>,
    #[serde(borrow, default)]
    station_id: Scalar<'a>,
    #[serde(borrow, default)]
    number: Scalar<'a>,
    #[serde(borrow)]
    at: Scalar<'a>,
    #[serde(borrow, default)]
    day: Scalar<'a>,
    #[serde(borrow, default)]
    operator: Scalar<'a>,
    #[serde(borrow, default)]
    currency: Scalar<'a>,
    #[serde(borrow, default)]
    float: Scalar<'a>,
    #[serde(borrow, default)]
    amount: Scalar<'a>,
    #[serde(borrow, default)]
    reason: Scalar<'a>,
    #[serde(borrow, default)]
    counted: Option<Vec<Object<Row<'a>>>>,
    #[serde(borrow, default)]
    stated: Option<Object<Stated<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'a> {
    #[serde(borrow)]
    tender: Scalar<'a>,
    #[serde(borrow)]
    amount: Scalar<'a>,
}

/// The register's own totals of the day.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated<'a> {
    trades: u64,
    #[serde(default)]
    voids: u64,
    #[serde(default)]
    others: u64,
    #[serde(borrow)]
    net: Scalar<'a>,
    #[serde(borrow)]
    tax: Scalar<'a>,
    #[serde(borrow, default)]
    tip: Scalar<'a>,
    #[serde(borrow, default)]
    rounding: Scalar<'a>,
    #[serde(borrow)]
    tenders: Vec<Object<Row<'a>>>,
}

impl TillEvent<'_> {
    /// By our own name of the register or by the POS's station number.
    pub(super) fn register(&self, settings: &HeartlandRetailSettings) -> Result<RegisterId, TicketError> {
        let Some(name) = self.register.text() else {
            return station(self.station_id, settings);
        };
        let known = settings
            .registers
            .values()
            .find(|register| register.as_str() == name);
        known.cloned().ok_or_else(|| {
            let names: Vec<&str> = settings.registers.values().map(RegisterId::as_str).collect();
            TicketError::Register {
                found: name.chars().take(40).collect(),
                wanted: names.join(", "),
            }
        })
    }

    pub(super) fn read(&self, settings: &HeartlandRetailSettings) -> Result<Transaction, TicketError> {
        let register = self.register(settings)?;
        let currency = self.currency(settings)?;
        let kind = self.kind()?;
        let at = self
            .at
            .text()
            .ok_or_else(|| TicketError::Missing("at".to_owned()))?;
        let at: LocalTime = at.parse().map_err(|error| TicketError::value("at", error))?;
        let day = self
            .day
            .text()
            .map(|text| text.parse::<BusinessDay>())
            .transpose();
        let day = day.map_err(|error| TicketError::value("day", error))?;
        let transaction = Transaction {
            key: BusinessKey {
                store: settings.store.clone(),
                register,
                day: day.unwrap_or_else(|| settings.time.day(at)),
                ticket: self.number(kind)?,
                kind,
                revision: 0,
            },
            at,
            pos_id: None,
            operator: self.operator.text().and_then(|text| Operator::cleaned(&text)),
            currency,
            body: self.body(kind, currency)?,
        };
        transaction.verify()?;
        Ok(transaction)
    }

    fn kind(&self) -> Result<TransactionKind, TicketError> {
        use TransactionKind as K;
        let found = self.event.text().unwrap_or_default();
        Ok(match &*found {
            "DayOpen" => K::DayOpen,
            "DayClose" => K::DayClose,
            "TillCount" => K::TillCount,
            "PaidIn" => K::PaidIn,
            "PaidOut" => K::PaidOut,
            "Pickup" => K::Pickup,
            "Loan" => K::Loan,
            "NoSale" => K::NoSale,
            _ => {
                let wanted = "DayOpen, DayClose, TillCount, PaidIn, PaidOut, Pickup, Loan or NoSale";
                let problem = format!(
                    "found {:?}, wanted {wanted}",
                    found.chars().take(40).collect::<String>()
                );
                return Err(TicketError::value("event", problem));
            }
        })
    }

    fn currency(&self, settings: &HeartlandRetailSettings) -> Result<Currency, TicketError> {
        match self.currency.text() {
            Some(found) if !found.eq_ignore_ascii_case(settings.currency.code()) => {
                Err(TicketError::Currency {
                    found: found.chars().take(8).collect(),
                    wanted: settings.currency.code().to_owned(),
                })
            }
            _ => Ok(settings.currency),
        }
    }

    /// A day opens and closes once at a register; everything else needs a number to be told from its like.
    fn number(&self, kind: TransactionKind) -> Result<TicketNumber, TicketError> {
        let number = match (self.number.text(), kind) {
            (Some(number), _) => number,
            (None, TransactionKind::DayOpen | TransactionKind::DayClose) => kind.name().into(),
            (None, _) => return Err(TicketError::Missing("number".to_owned())),
        };
        TicketNumber::new(&number).map_err(|error| TicketError::value("number", error))
    }

    fn body(&self, kind: TransactionKind, currency: Currency) -> Result<Body, TicketError> {
        self.check_fields(kind)?;
        Ok(match kind {
            TransactionKind::DayOpen => Body::Open {
                float: amount(self.float, "float", currency)?,
            },
            TransactionKind::DayClose => {
                let stated = self.stated.as_ref().map(|stated| stated.tally(currency));
                Body::Close {
                    stated: stated.transpose()?,
                }
            }
            TransactionKind::TillCount => {
                let rows = self.counted.as_deref().filter(|rows| !rows.is_empty());
                let rows = rows.ok_or_else(|| TicketError::Missing("counted".to_owned()))?;
                let counted = rows.iter().map(|row| row.read(currency));
                let counted = counted.map(|row| row.map(|(kind, amount)| Counted { kind, amount }));
                Body::Count(TillCount {
                    counted: counted.collect::<Result<_, _>>()?,
                })
            }
            TransactionKind::NoSale => self.drawer(Amount::zero(currency)),
            _ => self.drawer(amount(self.amount, "amount", currency)?),
        })
    }

    fn drawer(&self, amount: Amount) -> Body {
        let reason = self.reason.text().and_then(|text| Code::cleaned(&text));
        Body::Drawer(DrawerMovement { amount, reason })
    }

    /// A field that belongs to another event is a mistake at the source.
    fn check_fields(&self, kind: TransactionKind) -> Result<(), TicketError> {
        use TransactionKind as K;
        let moves = matches!(kind, K::PaidIn | K::PaidOut | K::Pickup | K::Loan);
        let given = [
            ("float", self.float.text().is_some(), kind == K::DayOpen),
            ("amount", self.amount.text().is_some(), moves),
            ("reason", self.reason.text().is_some(), moves || kind == K::NoSale),
            ("counted", self.counted.is_some(), kind == K::TillCount),
            ("stated", self.stated.is_some(), kind == K::DayClose),
        ];
        match given.into_iter().find(|(_, given, wanted)| *given && !wanted) {
            Some((field, ..)) => Err(TicketError::value(
                field,
                format!("does not belong to a {}", kind.name()),
            )),
            None => Ok(()),
        }
    }
}

impl Row<'_> {
    fn read(&self, currency: Currency) -> Result<(TenderKind, Amount), TicketError> {
        let name = self
            .tender
            .text()
            .ok_or_else(|| TicketError::Missing("tender".to_owned()))?;
        let kind = name
            .parse()
            .map_err(|error| TicketError::value("tender", error))?;
        Ok((kind, amount(self.amount, "amount", currency)?))
    }
}

impl Stated<'_> {
    fn tally(&self, currency: Currency) -> Result<Tally, TicketError> {
        let rows = self.tenders.iter().map(|row| row.read(currency));
        let tenders = rows.map(|row| row.map(|(kind, amount)| TenderTotal { kind, amount }));
        Ok(Tally {
            currency,
            trades: self.trades,
            voids: self.voids,
            others: self.others,
            net: amount(self.net, "stated net", currency)?,
            tax: amount(self.tax, "stated tax", currency)?,
            tip: optional(self.tip, "stated tip", currency)?.unwrap_or(Amount::zero(currency)),
            rounding: optional(self.rounding, "stated rounding", currency)?.unwrap_or(Amount::zero(currency)),
            tenders: tenders.collect::<Result<_, _>>()?,
        })
    }
}

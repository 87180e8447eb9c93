//! The CSV form, for processors that give statements only. The first row names the columns:
//!
//! | column | what |
//! |---|---|
//! | `kind` | `sale`, `refund`, `chargeback`, `reversal` or `deposit`; required |
//! | `id` | the processor's name of the line; required |
//! | `merchant` | the merchant number; required |
//! | `date` | of the transaction, or of the deposit; required; `2026-11-16` |
//! | `amount` | decimal, such as `80.00`; positive, but for a deposit that took money; required |
//! | `currency` | ISO 4217; required |
//! | `deposit` | the deposit that a line is in; a line without one is captured, not settled |
//! | `fee` | on a deposit: what the processor kept; nothing when it is left out |
//! | `batch`, `reference`, `network`, `invoice`, `auth_code`, `last4`, `brand` | as far as they are known |

use tillwire_proto::{Amount, AuthCode, CardBrand, Currency, Last4, ProcessorReference, TicketNumber};

use super::line::{Deposit, LineKind, LineSource, Progress, SettlementLine};
use super::read::{Report, ReportError, currency, cut, day, decimal, id};
use crate::payments::DepositStatus;

const REQUIRED: [&str; 6] = ["kind", "id", "merchant", "date", "amount", "currency"];
const KNOWN: [&str; 9] = [
    "deposit",
    "fee",
    "batch",
    "reference",
    "network",
    "invoice",
    "auth_code",
    "last4",
    "brand",
];

pub(super) fn read(text: &str) -> Result<Report, ReportError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let header = reader
        .headers()
        .map_err(|error| ReportError::new("line 1", error))?
        .clone();
    for column in &header {
        if !REQUIRED.contains(&column) && !KNOWN.contains(&column) {
            let words = format!(
                "found column {:?}, wanted {}, {}",
                cut(column),
                REQUIRED.join(", "),
                KNOWN.join(", ")
            );
            return Err(ReportError::new("line 1", words));
        }
    }
    if let Some(missing) = REQUIRED
        .iter()
        .find(|name| !header.iter().any(|column| column == **name))
    {
        return Err(ReportError::new("line 1", format!("found no column {missing}")));
    }
    let mut report = Report::default();
    for row in reader.records() {
        let row = row.map_err(|error| ReportError::new("report", error))?;
        let line = row.position().map_or(0, csv::Position::line);
        Row {
            at: format!("line {line}"),
            header: &header,
            row: &row,
        }
        .read_into(&mut report)?;
    }
    Ok(report)
}

struct Row<'a> {
    at: String,
    header: &'a csv::StringRecord,
    row: &'a csv::StringRecord,
}

impl Row<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        let place = self.header.iter().position(|column| column == name)?;
        self.row.get(place).filter(|text| !text.is_empty())
    }

    fn wanted(&self, name: &str) -> Result<&str, ReportError> {
        self.field(name)
            .ok_or_else(|| self.error(format!("{name} is empty")))
    }

    fn error(&self, words: impl ToString) -> ReportError {
        ReportError::new(self.at.clone(), words)
    }

    fn named(&self, name: &str) -> Result<Option<super::line::ProcessorId>, ReportError> {
        self.field(name).map(|text| id(&self.at, name, text)).transpose()
    }

    fn reference(&self, name: &str) -> Result<Option<ProcessorReference>, ReportError> {
        let read = |text| ProcessorReference::new(text).map_err(|e| self.error(format!("{name}: {e}")));
        self.field(name).map(read).transpose()
    }

    fn read_into(&self, report: &mut Report) -> Result<(), ReportError> {
        let currency = currency(&self.at, self.wanted("currency")?)?;
        let kind = match self.wanted("kind")? {
            "deposit" => {
                report.deposits.push(self.deposit(currency)?);
                return Ok(());
            }
            "sale" => LineKind::Sale,
            "refund" => LineKind::Refund,
            "chargeback" => LineKind::Chargeback,
            "reversal" => LineKind::Reversal,
            other => {
                let words = format!(
                    "kind is {:?}, wanted sale, refund, chargeback, reversal or deposit",
                    cut(other)
                );
                return Err(self.error(words));
            }
        };
        if self.field("fee").is_some() {
            return Err(self.error("fee is filled, wanted it on deposits only"));
        }
        report.lines.push(self.line(kind, currency)?);
        Ok(())
    }

    fn line(&self, kind: LineKind, currency: Currency) -> Result<SettlementLine, ReportError> {
        let deposit = self.named("deposit")?;
        let auth = self.field("auth_code").map(AuthCode::new).transpose();
        let last4 = |text| Last4::new(text).ok_or_else(|| self.error("last4: wanted four digits"));
        Ok(SettlementLine {
            id: id(&self.at, "id", self.wanted("id")?)?,
            merchant: id(&self.at, "merchant", self.wanted("merchant")?)?,
            source: LineSource::Processor,
            kind,
            progress: if deposit.is_some() {
                Progress::Funded
            } else {
                Progress::Captured
            },
            amount: decimal(&self.at, "amount", self.wanted("amount")?, currency)?,
            date: Some(day(&self.at, "date", self.wanted("date")?)?),
            deposit,
            batch: self.named("batch")?,
            reference: self.reference("reference")?,
            network: self.reference("network")?,
            invoice: self.field("invoice").and_then(TicketNumber::cleaned),
            auth_code: auth.map_err(|error| self.error(error))?,
            last4: self.field("last4").map(last4).transpose()?,
            brand: self.field("brand").map_or(CardBrand::Other, CardBrand::read),
        })
    }

    fn deposit(&self, currency: Currency) -> Result<Deposit, ReportError> {
        let amount = self.wanted("amount")?;
        let fee = self
            .field("fee")
            .map(|fee| decimal(&self.at, "fee", fee, currency))
            .transpose()?;
        Ok(Deposit {
            id: id(&self.at, "id", self.wanted("id")?)?,
            merchant: id(&self.at, "merchant", self.wanted("merchant")?)?,
            date: day(&self.at, "date", self.wanted("date")?)?,
            status: DepositStatus::Funded,
            amount: Amount::parse(amount, currency).map_err(|e| self.error(format!("amount: {e}")))?,
            fees: fee.unwrap_or(Amount::zero(currency)),
            stated: None,
        })
    }
}

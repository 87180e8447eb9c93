//! GP-API's settlement reports: transactions, deposits and disputes, one or many, as the service answers them. Amounts
//! are texts of whole minor units and stay texts until they are integers.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tillwire_proto::{AuthCode, CardBrand, Last4, ProcessorReference, TicketNumber};

use super::line::{Deposit, LineKind, LineSource, ProcessorId, Progress, SettlementLine, Stated};
use super::read::{Report, ReportError, currency, day, id, minor};
use crate::payments::{DepositStatus, DisputeStage, DisputeStatus, GpStatus, GpType};

pub(super) fn read(text: &str) -> Result<Report, ReportError> {
    let mut report = Report::default();
    for object in objects(text)? {
        let what: Kind = parse("report", object.get())?;
        match what {
            Kind { stage: Some(_), .. } => report.lines.extend(dispute(&parse("dispute", object.get())?)?),
            Kind {
                funding_type: Some(_),
                ..
            } => report.deposits.push(deposit(&parse("deposit", object.get())?)?),
            Kind {
                payment_method: Some(_),
                ..
            } => report
                .lines
                .push(transaction(&parse("transaction", object.get())?)?),
            Kind { .. } => {
                let words = "found an object without payment_method, funding_type or stage, wanted a transaction, \
                             a deposit or a dispute";
                return Err(ReportError::new("report", words));
            }
        }
    }
    Ok(report)
}

/// One object, a list of them, or an answer with lists of them.
fn objects(text: &str) -> Result<Vec<Box<RawValue>>, ReportError> {
    #[derive(Deserialize)]
    struct Page {
        #[serde(default)]
        transactions: Vec<Box<RawValue>>,
        #[serde(default)]
        deposits: Vec<Box<RawValue>>,
        #[serde(default)]
        disputes: Vec<Box<RawValue>>,
    }
    #[derive(Deserialize)]
    struct Named {
        id: Option<Box<RawValue>>,
    }
    if text.trim_start().starts_with('[') {
        return parse("report", text);
    }
    let one: Named = parse("report", text)?;
    if one.id.is_some() {
        return Ok(vec![parse("report", text)?]);
    }
    let page: Page = parse("report", text)?;
    Ok([page.transactions, page.deposits, page.disputes].concat())
}

fn parse<T: DeserializeOwned>(at: &str, text: &str) -> Result<T, ReportError> {
    serde_json::from_str(text).map_err(|error| ReportError::new(at, error))
}

/// What tells the three kinds of objects apart.
#[derive(Deserialize)]
struct Kind {
    stage: Option<Box<RawValue>>,
    funding_type: Option<Box<RawValue>>,
    payment_method: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct System {
    mid: String,
}

#[derive(Deserialize, Default)]
struct Card {
    brand: Option<String>,
    authcode: Option<String>,
    arn: Option<String>,
    #[serde(alias = "number")]
    masked_number_first6last4: Option<String>,
}

#[derive(Deserialize, Default)]
struct Method {
    #[serde(default)]
    card: Card,
}

#[derive(Deserialize)]
struct Transaction {
    id: String,
    status: String,
    #[serde(rename = "type")]
    kind: String,
    amount: String,
    currency: String,
    reference: Option<String>,
    time_created: Option<String>,
    time_created_reference: Option<String>,
    batch_id: Option<String>,
    deposit_id: Option<String>,
    system: System,
    payment_method: Method,
}

fn transaction(found: &Transaction) -> Result<SettlementLine, ReportError> {
    let at = format!("transaction {}", super::read::cut(&found.id));
    let at = at.as_str();
    let status = GpStatus::read(&found.status).map_err(|word| ReportError::new(at, word))?;
    let kind = GpType::read(&found.kind).map_err(|word| ReportError::new(at, word))?;
    let card = &found.payment_method.card;
    let moment = found
        .time_created_reference
        .as_ref()
        .or(found.time_created.as_ref());
    Ok(SettlementLine {
        id: id(at, "id", &found.id)?,
        merchant: id(at, "system.mid", &found.system.mid)?,
        source: LineSource::Processor,
        kind: match kind {
            GpType::Sale => LineKind::Sale,
            GpType::Refund => LineKind::Refund,
        },
        progress: progress(status),
        amount: minor(at, "amount", &found.amount, currency(at, &found.currency)?)?,
        date: moment.map(|moment| day(at, "time_created", moment)).transpose()?,
        deposit: named(at, "deposit_id", found.deposit_id.as_ref())?,
        batch: named(at, "batch_id", found.batch_id.as_ref())?,
        reference: None,
        network: network(at, card)?,
        invoice: found.reference.as_deref().and_then(TicketNumber::cleaned),
        auth_code: auth_code(at, card)?,
        last4: card
            .masked_number_first6last4
            .as_deref()
            .and_then(Last4::of_masked),
        brand: brand(card),
    })
}

const fn progress(status: GpStatus) -> Progress {
    match status {
        GpStatus::Initiated | GpStatus::Pending => Progress::Asked,
        GpStatus::Preauthorized => Progress::Authorised,
        GpStatus::Captured => Progress::Captured,
        GpStatus::Batched => Progress::Batched,
        GpStatus::Funded => Progress::Funded,
        GpStatus::Declined => Progress::Declined,
        GpStatus::Reversed => Progress::Voided,
        GpStatus::Rejected => Progress::Rejected,
    }
}

fn named(at: &str, field: &str, found: Option<&String>) -> Result<Option<ProcessorId>, ReportError> {
    let filled = found.filter(|text| !text.is_empty());
    filled.map(|text| id(at, field, text)).transpose()
}

fn network(at: &str, card: &Card) -> Result<Option<ProcessorReference>, ReportError> {
    let filled = card.arn.as_deref().filter(|text| !text.is_empty());
    filled
        .map(|text| ProcessorReference::new(text).map_err(|e| ReportError::new(at, format!("arn: {e}"))))
        .transpose()
}

fn auth_code(at: &str, card: &Card) -> Result<Option<AuthCode>, ReportError> {
    let filled = card.authcode.as_deref().filter(|text| !text.is_empty());
    filled
        .map(|text| AuthCode::new(text).map_err(|e| ReportError::new(at, format!("authcode: {e}"))))
        .transpose()
}

fn brand(card: &Card) -> CardBrand {
    card.brand.as_deref().map_or(CardBrand::Other, CardBrand::read)
}

#[derive(Deserialize)]
struct Sum {
    amount: String,
}

#[derive(Deserialize)]
struct Disputes {
    chargebacks: Sum,
    reversals: Sum,
}

#[derive(Deserialize)]
struct RawDeposit {
    id: String,
    time_created: String,
    status: String,
    funding_type: String,
    amount: String,
    currency: String,
    system: System,
    sales: Sum,
    refunds: Sum,
    disputes: Disputes,
    fees: Sum,
}

fn deposit(found: &RawDeposit) -> Result<Deposit, ReportError> {
    let at = format!("deposit {}", super::read::cut(&found.id));
    let at = at.as_str();
    let currency = currency(at, &found.currency)?;
    let sum = |field: &str, sum: &Sum| minor(at, field, &sum.amount, currency);
    let paid = minor(at, "amount", &found.amount, currency)?;
    let amount = match found.funding_type.as_str() {
        "CREDIT" => paid,
        "DEBIT" => paid.checked_neg().map_err(|error| ReportError::new(at, error))?,
        other => {
            let words = format!(
                "funding_type is {:?}, wanted CREDIT or DEBIT",
                super::read::cut(other)
            );
            return Err(ReportError::new(at, words));
        }
    };
    Ok(Deposit {
        id: id(at, "id", &found.id)?,
        merchant: id(at, "system.mid", &found.system.mid)?,
        date: day(at, "time_created", &found.time_created)?,
        status: DepositStatus::read(&found.status).map_err(|word| ReportError::new(at, word))?,
        amount,
        fees: sum("fees.amount", &found.fees)?,
        stated: Some(Stated {
            sales: sum("sales.amount", &found.sales)?,
            refunds: sum("refunds.amount", &found.refunds)?,
            chargebacks: sum("disputes.chargebacks.amount", &found.disputes.chargebacks)?,
            reversals: sum("disputes.reversals.amount", &found.disputes.reversals)?,
        }),
    })
}

#[derive(Deserialize, Default)]
struct Disputed {
    reference: Option<String>,
}

#[derive(Deserialize)]
struct RawDispute {
    id: String,
    status: String,
    stage: String,
    amount: String,
    currency: String,
    last_adjustment_amount: Option<String>,
    deposit_id: Option<String>,
    system: System,
    #[serde(default)]
    payment_method: Method,
    #[serde(default)]
    transaction: Disputed,
}

/// A dispute is a line once its money is in a deposit; before that it is paper.
fn dispute(found: &RawDispute) -> Result<Option<SettlementLine>, ReportError> {
    let at = format!("dispute {}", super::read::cut(&found.id));
    let at = at.as_str();
    DisputeStatus::read(&found.status).map_err(|word| ReportError::new(at, word))?;
    let stage = DisputeStage::read(&found.stage).map_err(|word| ReportError::new(at, word))?;
    let deposit = named(at, "deposit_id", found.deposit_id.as_ref())?;
    let kind = match stage {
        DisputeStage::Chargeback | DisputeStage::SecondChargeback => LineKind::Chargeback,
        DisputeStage::Reversal => LineKind::Reversal,
        _ if deposit.is_none() => return Ok(None),
        stage => {
            let words = format!(
                "it is in a deposit at stage {}, wanted CHARGEBACK, SECOND_CHARGEBACK or REVERSAL where money moves",
                stage.word()
            );
            return Err(ReportError::new(at, words));
        }
    };
    let card = &found.payment_method.card;
    let amount = found.last_adjustment_amount.as_ref().unwrap_or(&found.amount);
    Ok(Some(SettlementLine {
        id: id(at, "id", &found.id)?,
        merchant: id(at, "system.mid", &found.system.mid)?,
        source: LineSource::Processor,
        kind,
        progress: if deposit.is_some() {
            Progress::Funded
        } else {
            Progress::Asked
        },
        amount: minor(at, "amount", amount, currency(at, &found.currency)?)?,
        date: None,
        deposit,
        batch: None,
        reference: None,
        network: network(at, card)?,
        invoice: found
            .transaction
            .reference
            .as_deref()
            .and_then(TicketNumber::cleaned),
        auth_code: auth_code(at, card)?,
        last4: card
            .masked_number_first6last4
            .as_deref()
            .and_then(Last4::of_masked),
        brand: brand(card),
    }))
}

//! One answer, with its request where that was seen, becomes a payment.

use tillwire_proto::{
    Amount, AuthCode, CardBrand, CardFacts, Code, Currency, EmvReceipt, EntryMode, Last4, LocalTime,
    MoneyError, Note, Operator, Outcome, PaymentCommand, ProcessorReference, TerminalPayment, TicketNumber,
    TokenFingerprint,
};

use super::exchange::Exchange;
use super::message::{Answer, Asked, Emv, Host, Payment, Request};
use tillwire_capture::scalar::Scalar;

/// Why an answer did not become a payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AnswerError {
    /// A figure that is no amount.
    #[error(transparent)]
    Amount(#[from] MoneyError),
    /// Money moved, and nobody said how much.
    #[error("a success that names no amount, and no request that does")]
    NoAmount,
}

impl AnswerError {
    /// The stable word under which the frame is kept.
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::Amount(_) => "wrong-value",
            Self::NoAmount => "field-missing",
        }
    }
}

/// The commands that move money, or promise to. `None` for every other command.
pub(super) fn command(name: &str) -> Option<PaymentCommand> {
    use PaymentCommand as C;
    Some(match name {
        "Sale" | "ForceSale" | "MailOrder" => C::Sale,
        "Refund" => C::Refund,
        "Void" => C::Void,
        "Reversal" => C::Reversal,
        "TipAdjust" => C::TipAdjust,
        "PreAuth" => C::PreAuth,
        "AuthCompletion" => C::AuthCompletion,
        "DeletePreAuth" => C::DeletePreAuth,
        _ => return None,
    })
}

/// What of a request its answer needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) command: PaymentCommand,
    requested: Option<Amount>,
    tip: Option<Amount>,
    invoice: Option<TicketNumber>,
    operator: Option<Operator>,
    tran_no: Option<Code>,
}

impl Question {
    pub(super) fn read(
        command: PaymentCommand,
        request: &Request<'_>,
        currency: Currency,
    ) -> Result<Self, MoneyError> {
        let asked = request.data.transaction.as_deref();
        let of = |pick: fn(&Asked<'_>) -> Option<String>| asked.and_then(pick);
        Ok(Self {
            command,
            requested: asked
                .map(|asked| requested(command, asked, currency))
                .transpose()?
                .flatten(),
            tip: asked
                .map(|asked| amount(asked.tip_amount, currency))
                .transpose()?
                .flatten(),
            invoice: of(|a| a.invoice_nbr.text().map(Into::into))
                .and_then(|text| TicketNumber::new(&text).ok()),
            operator: request
                .data
                .params
                .as_ref()
                .and_then(|params| params.clerk.text())
                .and_then(|text| Operator::cleaned(&text)),
            tran_no: of(|a| a.tran_no.text().map(Into::into)).and_then(|text| Code::new(&text).ok()),
        })
    }
}

/// What the POS asked for. `baseAmount` excludes tip, tax and cash back, as the SDKs send them; a total wins.
fn requested(
    command: PaymentCommand,
    asked: &Asked<'_>,
    currency: Currency,
) -> Result<Option<Amount>, MoneyError> {
    use PaymentCommand as C;
    let parts = match command {
        C::Refund if asked.total_amount.text().is_some() => return amount(asked.total_amount, currency),
        C::Reversal => return amount(asked.authorized_amount, currency),
        C::TipAdjust => return amount(asked.tip_amount, currency),
        C::DeletePreAuth => return amount(asked.pre_auth_amount, currency),
        C::Void => return Ok(None),
        C::PreAuth => return amount(asked.amount, currency),
        C::AuthCompletion => [
            asked.amount,
            asked.tip_amount,
            Scalar::default(),
            Scalar::default(),
        ],
        C::Sale | C::Refund if asked.total_amount.text().is_some() => {
            return amount(asked.total_amount, currency);
        }
        C::Sale | C::Refund => [
            asked.base_amount,
            asked.tip_amount,
            asked.tax_amount,
            asked.cash_back_amount,
        ],
    };
    let mut sum = None;
    for part in parts {
        if let Some(part) = amount(part, currency)? {
            sum = Some(sum.map_or(Ok(part), |sum: Amount| sum.checked_add(part))?);
        }
    }
    Ok(sum)
}

pub(super) fn amount(value: Scalar<'_>, currency: Currency) -> Result<Option<Amount>, MoneyError> {
    value
        .text()
        .map(|text| Amount::parse(text.trim(), currency))
        .transpose()
}

/// Builds the payment.
pub(super) fn read(
    command: PaymentCommand,
    answer: &Answer<'_>,
    question: Option<&Question>,
    token: Option<TokenFingerprint>,
    tap: &Exchange,
) -> Result<TerminalPayment, AnswerError> {
    let nobody = (Host::default(), Payment::default());
    let host = answer.data.host.as_deref().unwrap_or(&nobody.0);
    let payment = answer.data.payment.as_deref().unwrap_or(&nobody.1);
    let currency = tap.settings.currency;
    let requested = question.and_then(|question| question.requested);
    let approved = approved(command, answer, host, currency)?;
    let outcome = outcome(answer, host, payment, requested, approved);
    let got = matches!(outcome, Outcome::Approved | Outcome::Partial | Outcome::Stored);
    let approved = if got {
        approved.or_else(|| implied(command, requested, currency))
    } else {
        None
    };
    if got && approved.is_none() {
        return Err(AnswerError::NoAmount);
    }
    let part = |value| amount(value, currency).map(|found| found.filter(|amount| got && !amount.is_zero()));
    let code = |value: Scalar<'_>| value.text().and_then(|text| Code::cleaned(&text));
    let invoice = host.invoice_nbr.text().or_else(|| payment.invoice_nbr.text());
    let invoice = invoice.and_then(|text| TicketNumber::new(&text).ok());
    let operator = payment.clerk_id.text().and_then(|text| Operator::cleaned(&text));
    let terminal_number = code(host.tran_no);
    Ok(TerminalPayment {
        store: tap.settings.store.clone(),
        register: tap.settings.register.clone(),
        terminal: tap.terminal.clone(),
        command,
        outcome,
        requested,
        approved: approved.unwrap_or(Amount::zero(currency)),
        tip: part(host.tip_amount)?
            .or_else(|| question.and_then(|q| q.tip).filter(|tip| got && !tip.is_zero())),
        tax: part(host.tax_amount)?,
        cash_back: part(host.cash_back_amount)?,
        surcharge: part(host.surcharge)?,
        card: card(host, payment, token),
        invoice: invoice.or_else(|| question.and_then(|q| q.invoice.clone())),
        request: code(answer.request_id),
        terminal_number: terminal_number.or_else(|| question.and_then(|q| q.tran_no.clone())),
        batch: code(host.batch_id).or_else(|| code(host.batch_seq_nbr)),
        offline_number: code(host.saf_reference_number),
        operator: operator.or_else(|| question.and_then(|q| q.operator.clone())),
        at: host.resp_date_time.text().and_then(|text| local_time(&text)),
        message: message(answer, host, outcome),
        emv: answer.data.emv.as_deref().map(emv),
    })
}

/// What a success without any amount gave: what was asked. What is only taken back may stay unsaid; an adjusted tip
/// may not, for what was asked is then not the payment.
fn implied(command: PaymentCommand, requested: Option<Amount>, currency: Currency) -> Option<Amount> {
    use PaymentCommand as C;
    match command {
        C::Void | C::Reversal | C::DeletePreAuth => Some(requested.unwrap_or(Amount::zero(currency))),
        C::TipAdjust => None,
        C::Sale | C::Refund | C::PreAuth | C::AuthCompletion => requested,
    }
}

/// The terminal's clock, whatever suffix it puts behind: a note, not an order.
pub(super) fn local_time(text: &str) -> Option<LocalTime> {
    text.get(..19).and_then(|text| text.parse().ok())
}

/// `authorizedAmount` is what the issuer gave, which may be less than was asked, even nothing. Commands that give
/// money back need no authorisation; there a zero or absent one says nothing and the answer's total counts.
fn approved(
    command: PaymentCommand,
    answer: &Answer<'_>,
    host: &Host<'_>,
    currency: Currency,
) -> Result<Option<Amount>, MoneyError> {
    use PaymentCommand as C;
    let gives_back = matches!(command, C::Refund | C::Void | C::Reversal | C::DeletePreAuth);
    let total = answer
        .data
        .transaction
        .as_ref()
        .map(|t| t.total_amount)
        .unwrap_or_default();
    for value in [host.authorized_amount, host.total_amount, host.amount, total] {
        match amount(value, currency)? {
            Some(amount) if !(gives_back && amount.is_zero()) => return Ok(Some(amount)),
            _ => {}
        }
    }
    Ok(None)
}

/// Issuer codes `0`, `00` and `85` approve, `10` approves in part. A failure with a host block is a decline unless
/// the issuer never spoke; `APP001` is the customer's or cashier's own choice.
fn outcome(
    answer: &Answer<'_>,
    host: &Host<'_>,
    payment: &Payment<'_>,
    requested: Option<Amount>,
    approved: Option<Amount>,
) -> Outcome {
    let issuer = host.response_code.text();
    let said_yes = issuer
        .as_deref()
        .is_none_or(|code| matches!(code, "0" | "00" | "10" | "85"));
    let success = answer
        .result
        .result
        .text()
        .is_some_and(|result| result.eq_ignore_ascii_case("success"));
    if !success {
        return match answer.result.code.text().as_deref() {
            Some("APP001") => Outcome::Cancelled,
            _ if issuer.is_some() && !said_yes => Outcome::Declined,
            _ => Outcome::Error,
        };
    }
    if !said_yes {
        return Outcome::Declined;
    }
    let flag = |value: Scalar<'_>| value.flag().unwrap_or(false);
    let less = requested.zip(approved).is_some_and(|(asked, got)| got < asked);
    if flag(host.store_and_forward) || flag(payment.store_and_forward) {
        Outcome::Stored
    } else if flag(host.partial_approval) || issuer.as_deref() == Some("10") || less {
        Outcome::Partial
    } else {
        Outcome::Approved
    }
}

fn card(host: &Host<'_>, payment: &Payment<'_>, token: Option<TokenFingerprint>) -> Option<CardFacts> {
    let brand = payment.card_type.text();
    let last4 = payment.masked_pan.text().and_then(|text| last4(&text));
    let auth_code = host
        .approval_code
        .text()
        .and_then(|text| AuthCode::new(text.trim()).ok());
    let reference = host
        .reference_number
        .text()
        .and_then(|text| ProcessorReference::new(text.trim()).ok());
    if brand.is_none() && last4.is_none() && auth_code.is_none() && reference.is_none() && token.is_none() {
        return None;
    }
    let entry_mode = payment
        .card_acquisition
        .text()
        .map_or(EntryMode::Unknown, |text| EntryMode::read(&text));
    let fallback = payment.fallback.flag().unwrap_or(false);
    Some(CardFacts {
        brand: brand.map_or(CardBrand::Other, |text| CardBrand::read(&text)),
        last4,
        entry_mode: if fallback { EntryMode::Fallback } else { entry_mode },
        auth_code,
        reference,
        token,
    })
}

/// From what the tripwire left: `[issuer-digits 1111]`.
pub(super) fn last4(masked: &str) -> Option<Last4> {
    Last4::of_masked(masked.strip_suffix(']').unwrap_or(masked))
}

fn message(answer: &Answer<'_>, host: &Host<'_>, outcome: Outcome) -> Option<Note> {
    if matches!(outcome, Outcome::Approved | Outcome::Partial | Outcome::Stored) {
        return None;
    }
    let words = [
        answer.result.code,
        answer.result.message,
        host.response_code,
        host.response_text,
    ];
    let mut words: Vec<_> = words.iter().filter_map(Scalar::text).collect();
    if host.response_text.text().is_none() {
        words.extend(host.gateway_response_message.text());
    }
    Note::cleaned(&words.join(" "))
}

fn emv(emv: &Emv<'_>) -> EmvReceipt {
    let code = |value: Scalar<'_>| value.text().and_then(|text| Code::cleaned(&text));
    let label = emv.label.text().and_then(|hex| {
        let bytes = data_encoding::HEXUPPER_PERMISSIVE.decode(hex.as_bytes()).ok()?;
        Code::cleaned(&String::from_utf8_lossy(&bytes))
    });
    EmvReceipt {
        application: code(emv.aid).or_else(|| code(emv.terminal_aid)),
        label,
        tvr: code(emv.tvr),
        tsi: code(emv.tsi),
        cryptogram: code(emv.cryptogram),
        verification: code(emv.verification),
    }
}

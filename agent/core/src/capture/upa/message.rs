//! UPA messages: control words, requests, answers. Only the fields that a payment needs; keys as the SDKs write
//! them, with the spellings that devices were seen to use instead.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::report::Raw;
use tillwire_capture::scalar::{Object, Scalar};

/// A message of either side.
#[derive(Debug)]
pub(super) enum Message<'a> {
    /// `ACK`, `NAK`, `READY`, `BUSY`, `TO`: nothing that moves money.
    Control,
    /// The POS asks.
    Request(Box<Request<'a>>),
    /// The terminal answers.
    Answer(Box<Answer<'a>>),
}

#[derive(Debug, Deserialize)]
struct Outer<'a> {
    #[serde(borrow)]
    message: Scalar<'a>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Inner<'a> {
    #[serde(borrow, default)]
    command: Scalar<'a>,
    #[serde(borrow, default)]
    response: Scalar<'a>,
    #[serde(borrow, default, rename = "requestId")]
    request_id: Scalar<'a>,
    #[serde(borrow, default, rename = "cmdResult")]
    result: Option<Object<CmdResult<'a>>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// What the POS asked.
#[derive(Debug, Default)]
pub(super) struct Request<'a> {
    pub(super) command: Scalar<'a>,
    pub(super) request_id: Scalar<'a>,
    pub(super) data: RequestData<'a>,
}

/// What the terminal answered.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) command: Scalar<'a>,
    pub(super) request_id: Scalar<'a>,
    pub(super) result: CmdResult<'a>,
    pub(super) data: AnswerData<'a>,
    /// All of the data, for what is read of it only now and then.
    pub(super) raw: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct CmdResult<'a> {
    #[serde(borrow, default)]
    pub(super) result: Scalar<'a>,
    #[serde(borrow, default, rename = "errorCode")]
    pub(super) code: Scalar<'a>,
    #[serde(borrow, default, rename = "errorMessage")]
    pub(super) message: Scalar<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RequestData<'a> {
    #[serde(borrow, default)]
    pub(super) params: Option<Object<Params<'a>>>,
    #[serde(borrow, default)]
    pub(super) transaction: Option<Object<Asked<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Params<'a> {
    #[serde(borrow, default, rename = "clerkId")]
    pub(super) clerk: Scalar<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked<'a> {
    #[serde(borrow, default)]
    pub(super) invoice_nbr: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) amount: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) base_amount: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) tip_amount: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) tax_amount: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) cash_back_amount: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) total_amount: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) authorized_amount: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) pre_auth_amount: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) tran_no: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) saf_reference_number: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) reference_number: Scalar<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct AnswerData<'a> {
    #[serde(borrow, default)]
    pub(super) host: Option<Object<Host<'a>>>,
    #[serde(borrow, default)]
    pub(super) payment: Option<Object<Payment<'a>>>,
    #[serde(borrow, default)]
    pub(super) transaction: Option<Object<Asked<'a>>>,
    #[serde(borrow, default)]
    pub(super) emv: Option<Object<Emv<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Host<'a> {
    #[serde(borrow, default)]
    pub(super) tran_no: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) reference_number: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) saf_reference_number: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) resp_date_time: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) gateway_response_message: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) response_code: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) response_text: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) approval_code: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) tip_amount: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) tax_amount: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) cash_back_amount: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) surcharge: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) authorized_amount: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) total_amount: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) amount: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) partial_approval: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) store_and_forward: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) invoice_nbr: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) batch_id: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) batch_seq_nbr: Scalar<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payment<'a> {
    #[serde(borrow, default)]
    pub(super) card_type: Scalar<'a>,
    #[serde(borrow, default, alias = "maskedPAN")]
    pub(super) masked_pan: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) card_acquisition: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) clerk_id: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) invoice_nbr: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) store_and_forward: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) fallback: Scalar<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Emv<'a> {
    #[serde(borrow, default, rename = "4F", alias = "4f")]
    pub(super) aid: Scalar<'a>,
    #[serde(borrow, default, rename = "9F06", alias = "9f06")]
    pub(super) terminal_aid: Scalar<'a>,
    #[serde(borrow, default, rename = "50")]
    pub(super) label: Scalar<'a>,
    #[serde(borrow, default, rename = "95")]
    pub(super) tvr: Scalar<'a>,
    #[serde(borrow, default, rename = "9B", alias = "9b")]
    pub(super) tsi: Scalar<'a>,
    #[serde(borrow, default, rename = "9F26", alias = "9f26")]
    pub(super) cryptogram: Scalar<'a>,
    #[serde(borrow, default, rename = "9F34", alias = "9f34")]
    pub(super) verification: Scalar<'a>,
}

/// Reads a frame's text.
pub(super) fn read(text: &[u8]) -> Result<Message<'_>, String> {
    let Object(outer): Object<Outer<'_>> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let word = outer.message.text().unwrap_or_default();
    match &*word {
        "ACK" | "NAK" | "READY" | "BUSY" | "TO" => Ok(Message::Control),
        "MSG" => message(outer.data.ok_or("a MSG without data")?),
        other => {
            let found: String = other.chars().take(20).collect();
            Err(format!(
                "found message {found:?}, wanted MSG, ACK, NAK, READY, BUSY or TO"
            ))
        }
    }
}

fn message(data: &RawValue) -> Result<Message<'_>, String> {
    let Object(inner): Object<Inner<'_>> =
        serde_json::from_str(data.get()).map_err(|error| error.to_string())?;
    if inner.response.text().is_some() || inner.result.is_some() {
        let raw = inner.data;
        let data = part(raw)?;
        let result = inner.result.unwrap_or_default().0;
        let answer = Answer {
            command: inner.response,
            request_id: inner.request_id,
            result,
            data,
            raw,
        };
        return Ok(Message::Answer(Box::new(answer)));
    }
    if inner.command.text().is_some() {
        let data = part(inner.data)?;
        let request = Request {
            command: inner.command,
            request_id: inner.request_id,
            data,
        };
        return Ok(Message::Request(Box::new(request)));
    }
    Err("a MSG that is neither command nor response".to_owned())
}

/// The inner `data`: absent, an empty string, or an object.
fn part<'a, T: Deserialize<'a> + Default>(data: Option<&'a RawValue>) -> Result<T, String> {
    match data.map(RawValue::get) {
        None | Some("\"\"" | "null") => Ok(T::default()),
        Some(text) => serde_json::from_str::<Object<T>>(text)
            .map(|object| object.0)
            .map_err(|error| error.to_string()),
    }
}

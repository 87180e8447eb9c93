//! What an answer of Odoo means. HTTP 200 with a result may be a failure, and an error may come after the commit:
//! nothing but a read of the state proves anything, so everything that is not certain is [`Answer::Unknown`].

use serde::Deserialize;
use serde_json::value::RawValue;

/// What came back from the wire.
#[derive(Debug, Clone, Copy)]
pub enum Reply<'a> {
    /// An HTTP answer.
    Http {
        /// Its status.
        status: u16,
        /// Its body.
        body: &'a str,
        /// `Retry-After`, in milliseconds, where it was there.
        retry_after_ms: Option<u64>,
    },
    /// The connection could not be made: nothing was asked.
    NotConnected,
    /// The connection ended, or the time was up, before a whole answer was there: Odoo may have done it.
    Lost,
}

/// What it means.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The method ran. The result, exactly as it was written (amounts must not go through a float); `null` for a
    /// method that returns nothing.
    Ok(Box<RawValue>),
    /// It was certainly not done; ask again, later.
    Retry {
        /// Not earlier than this, in milliseconds, where the server says so.
        after_ms: Option<u64>,
        /// In words.
        reason: String,
    },
    /// It may have been done. Look before asking again.
    Unknown {
        /// Not earlier than this, in milliseconds, where the server says so.
        after_ms: Option<u64>,
        /// In words.
        reason: String,
    },
    /// Odoo says no, and will say so again.
    Rejected {
        /// Why.
        refusal: Refusal,
        /// Odoo's words.
        message: String,
    },
    /// The key or the rights are wrong: stop, and alarm.
    Unauthorised {
        /// Odoo's words.
        message: String,
    },
}

/// Why Odoo says no. Its words are translated and change with versions; this does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A rule of the business (`UserError`, `ValidationError`). It may also mean "done already".
    Rule,
    /// The record or the model is not there.
    Missing,
    /// The call does not fit this version: a wrong field or argument.
    Call,
    /// The request is too large.
    TooLarge,
    /// `load()` refused a row.
    Row,
    /// A dialog was answered where a result was expected: nothing happened.
    Dialog,
}

#[derive(Deserialize)]
struct Rpc<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<RpcError>,
}

#[derive(Deserialize)]
struct RpcError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: ErrorData,
}

#[derive(Deserialize, Default)]
struct ErrorData {
    #[serde(default)]
    name: String,
    #[serde(default)]
    message: String,
}

/// Reads an answer of `/jsonrpc`. A body without result and error is a method that returns nothing.
#[must_use]
pub fn classify_json_rpc(reply: &Reply<'_>) -> Answer {
    let (status, body, after_ms) = match from_transport(reply) {
        Ok(http) => http,
        Err(answer) => return answer,
    };
    if status != 200 {
        return by_status(status, body, after_ms);
    }
    match serde_json::from_str::<Rpc<'_>>(body) {
        Err(error) => unknown(format!("answer is not JSON-RPC: {error}"), after_ms),
        Ok(Rpc {
            error: Some(error), ..
        }) => {
            let message = if error.data.message.is_empty() {
                error.message
            } else {
                error.data.message
            };
            by_name(&error.data.name, message)
        }
        Ok(Rpc {
            result: Some(result), ..
        }) => Answer::Ok(result.to_owned()),
        Ok(Rpc {
            result: None,
            error: None,
        }) => Answer::Ok(RawValue::NULL.to_owned()),
    }
}

/// Reads an answer of `/json/2`: the status is real, the body is the result or the error's data.
#[must_use]
pub fn classify_json2(reply: &Reply<'_>) -> Answer {
    let (status, body, after_ms) = match from_transport(reply) {
        Ok(http) => http,
        Err(answer) => return answer,
    };
    if status == 200 {
        return serde_json::from_str::<&RawValue>(body).map_or_else(
            |error| unknown(format!("answer is not JSON: {error}"), after_ms),
            |result| Answer::Ok(result.to_owned()),
        );
    }
    match serde_json::from_str::<ErrorData>(body) {
        Ok(data) if !data.name.is_empty() && !is_gateway(status) => {
            match (status, by_name(&data.name, data.message)) {
                (401 | 403, Answer::Rejected { message, .. }) => Answer::Unauthorised { message },
                (_, answer) => answer,
            }
        }
        _ => by_status(status, body, after_ms),
    }
}

fn from_transport<'a>(reply: &Reply<'a>) -> Result<(u16, &'a str, Option<u64>), Answer> {
    match *reply {
        Reply::Http {
            status,
            body,
            retry_after_ms,
        } => Ok((status, body, retry_after_ms)),
        Reply::NotConnected => Err(Answer::Retry {
            after_ms: None,
            reason: "Odoo cannot be reached".to_owned(),
        }),
        Reply::Lost => Err(unknown("the answer was lost on the way".to_owned(), None)),
    }
}

const fn unknown(reason: String, after_ms: Option<u64>) -> Answer {
    Answer::Unknown { after_ms, reason }
}

const fn rejected(refusal: Refusal, message: String) -> Answer {
    Answer::Rejected { refusal, message }
}

/// Statuses that a proxy in front of Odoo makes up; they say nothing about what Odoo did.
const fn is_gateway(status: u16) -> bool {
    matches!(status, 408 | 429 | 502 | 503 | 504)
}

fn by_status(status: u16, body: &str, after_ms: Option<u64>) -> Answer {
    let message = || format!("HTTP {status}: {}", first_words(body));
    match status {
        401 | 403 => Answer::Unauthorised { message: message() },
        413 => rejected(Refusal::TooLarge, message()),
        400 | 405 | 415 => rejected(Refusal::Call, message()),
        404 => rejected(Refusal::Missing, message()),
        422 => rejected(Refusal::Rule, message()),
        _ => unknown(message(), after_ms),
    }
}

/// The first words of a body that is not JSON, without its markup.
fn first_words(body: &str) -> String {
    let mut inside = false;
    let text: String = body
        .chars()
        .take(2_000)
        .filter(|c| {
            let was = inside;
            inside = match c {
                '<' => true,
                '>' => false,
                _ => inside,
            };
            !was && !inside
        })
        .collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(200).collect()
}

/// By the exception's Python name, which both protocols carry.
fn by_name(name: &str, message: String) -> Answer {
    let message: String = message.chars().take(1_000).collect();
    match name {
        "odoo.exceptions.AccessDenied"
        | "odoo.exceptions.AccessError"
        | "werkzeug.exceptions.Unauthorized" => Answer::Unauthorised { message },
        "odoo.exceptions.MissingError" | "werkzeug.exceptions.NotFound" => {
            rejected(Refusal::Missing, message)
        }
        "odoo.exceptions.UserError"
        | "odoo.exceptions.ValidationError"
        | "odoo.exceptions.RedirectWarning" => rejected(Refusal::Rule, message),
        "builtins.ValueError"
        | "builtins.KeyError"
        | "builtins.TypeError"
        | "builtins.AttributeError"
        | "werkzeug.exceptions.UnprocessableEntity"
        | "werkzeug.exceptions.BadRequest" => rejected(Refusal::Call, message),
        "werkzeug.exceptions.RequestEntityTooLarge" => rejected(Refusal::TooLarge, message),
        // a database error has rolled the transaction back before it could be told
        name if name.starts_with("psycopg2.") => Answer::Retry {
            after_ms: None,
            reason: message,
        },
        _ => unknown(format!("{name}: {message}"), None),
    }
}

#[derive(Deserialize)]
struct Loaded {
    ids: Ids,
    #[serde(default)]
    messages: Vec<LoadMessage>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Ids {
    Some(Vec<i64>),
    None(#[expect(dead_code, reason = "its being there says it")] bool),
}

#[derive(Deserialize)]
struct LoadMessage {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    field: serde_json::Value,
}

/// Reads the result of `load()` of one document: its id, or why not. `ids: false` about serialization means that
/// another caller was faster: nothing was kept, and asking again gives the id.
///
/// # Errors
/// The [`Answer`] that it really is.
pub fn loaded(result: &RawValue) -> Result<i64, Answer> {
    let loaded: Loaded = serde_json::from_str(result.get())
        .map_err(|error| unknown(format!("load() answered something else: {error}"), None))?;
    let error = loaded.messages.iter().find(|message| message.kind == "error");
    match (loaded.ids, error) {
        (Ids::Some(ids), None) if ids.len() == 1 => Ok(ids[0]),
        (_, Some(error)) if error.message.contains("could not serialize") => Err(Answer::Retry {
            after_ms: None,
            reason: error.message.clone(),
        }),
        (_, Some(error)) => {
            let field = error
                .field
                .as_str()
                .map(|field| format!(" (field {field})"))
                .unwrap_or_default();
            Err(rejected(Refusal::Row, format!("{}{field}", error.message)))
        }
        (Ids::Some(ids), None) => Err(unknown(
            format!("load() answered {} ids, wanted one", ids.len()),
            None,
        )),
        (Ids::None(_), None) => Err(rejected(
            Refusal::Row,
            loaded.messages.first().map_or_else(
                || "load() kept nothing and gave no reason".to_owned(),
                |message| message.message.clone(),
            ),
        )),
    }
}

/// Reads the result of `action_post` or `button_validate`: an object is a dialog, which means that nothing was done.
///
/// # Errors
/// [`Answer::Rejected`] with [`Refusal::Dialog`].
pub fn confirmed(result: &RawValue) -> Result<(), Answer> {
    if result.get().trim_start().starts_with('{') {
        let model = serde_json::from_str::<serde_json::Value>(result.get())
            .ok()
            .and_then(|action| action.get("res_model")?.as_str().map(str::to_owned));
        let dialog = model.unwrap_or_else(|| "a dialog".to_owned());
        Err(rejected(
            Refusal::Dialog,
            format!("Odoo asked a question ({dialog}) and did nothing"),
        ))
    } else {
        Ok(())
    }
}

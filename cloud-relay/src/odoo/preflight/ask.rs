//! The few kinds of question that looking around in Odoo needs, and how their values are read.
//!
//! Nothing here carries money: amounts are read by the core from the raw text.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tillwire_relay_core::odoo::{Answer, Call, OdooVersion, Refusal};

use crate::odoo::client::{Client, value_of};

/// How often a question is asked whose answer does not come.
const TIMES: usize = 3;

/// A question that took longer to fail is not asked again: Odoo hangs, and asking more does not help it.
const AGAIN_WITHIN: Duration = Duration::from_secs(10);

/// Asks on behalf of one company, once that is known.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    client: &'a Client,
    /// The server's version, which decides names of fields and methods.
    pub version: OdooVersion,
    context: Map<String, Value>,
    lost: Arc<AtomicBool>,
}

impl<'a> Ask<'a> {
    /// Without a company yet.
    #[must_use]
    pub fn new(client: &'a Client, version: OdooVersion) -> Self {
        Self {
            client,
            version,
            context: Map::new(),
            lost: Arc::default(),
        }
    }

    /// Only this company: codes of accounts and defaults are per company.
    #[must_use]
    pub fn in_company(mut self, company: i64) -> Self {
        self.context
            .insert("allowed_company_ids".to_owned(), json!([company]));
        self
    }

    /// Also what is archived, so that "archived" and "missing" are told apart.
    #[must_use]
    pub fn archived_too(mut self) -> Self {
        self.context.insert("active_test".to_owned(), json!(false));
        self
    }

    /// Any question, in this company. It must change nothing, because one whose answer was lost is asked again.
    ///
    /// # Errors
    /// Any answer without a value.
    pub async fn call(&self, mut call: Call) -> Result<Value, Answer> {
        if !self.context.is_empty() {
            let mut context = self.context.clone();
            if let Value::Object(own) = call.context {
                context.extend(own);
            }
            call.context = Value::Object(context);
        }
        if self.has_lost() {
            let reason = "Odoo did not answer an earlier question".to_owned();
            return Err(Answer::Retry {
                after_ms: None,
                reason,
            });
        }
        let started = Instant::now();
        for _ in 1..TIMES {
            let answer = value_of(self.client.call(&call).await);
            if !answer.as_ref().is_err_and(is_lost) || started.elapsed() > AGAIN_WITHIN {
                return self.noted(answer);
            }
        }
        self.noted(value_of(self.client.call(&call).await))
    }

    fn noted(&self, answer: Result<Value, Answer>) -> Result<Value, Answer> {
        if answer.as_ref().is_err_and(is_lost) {
            self.lost.store(true, Ordering::Relaxed);
        }
        answer
    }

    /// Whether a question of this one, or of one made from it, got no answer. What was concluded since is not to be
    /// believed.
    #[must_use]
    pub fn has_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// All records that match, oldest first.
    ///
    /// # Errors
    /// Any answer without a list of records.
    pub async fn search(
        &self,
        model: &'static str,
        domain: Value,
        fields: &[&str],
    ) -> Result<Vec<Value>, Answer> {
        let call = Call::on(model, "search_read")
            .arg("domain", domain)
            .arg("fields", json!(fields))
            .option("order", json!("id"));
        match self.call(call).await? {
            Value::Array(rows) => Ok(rows),
            other => Err(unexpected(&other)),
        }
    }

    /// Whether the user may do `operation` with records of `model`; `None` when Odoo has no such model.
    ///
    /// # Errors
    /// Any answer that says neither.
    pub async fn may(&self, model: &'static str, operation: &str) -> Result<Option<bool>, Answer> {
        // 17 knows only the older name, which later versions keep with a warning in their log
        let call = if self.version.0 >= 18 {
            Call::on(model, "has_access")
                .ids([])
                .arg("operation", json!(operation))
        } else {
            let call = Call::on(model, "check_access_rights").arg("operation", json!(operation));
            call.arg("raise_exception", json!(false))
        };
        match self.call(call).await {
            Ok(value) => Ok(Some(value == json!(true))),
            Err(Answer::Rejected { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }
}

const fn is_lost(answer: &Answer) -> bool {
    matches!(answer, Answer::Retry { .. } | Answer::Unknown { .. })
}

fn unexpected(value: &Value) -> Answer {
    let message = format!("found {} as an answer, wanted a list of records", kind(value));
    Answer::Rejected {
        refusal: Refusal::Call,
        message,
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "yes or no",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The id of a many2one, which Odoo writes as `[id, name]`, or `false` when empty.
pub(crate) fn id_of(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.get(0)?.as_i64())
}

/// A text, where Odoo writes `false` for an empty one.
pub(crate) fn text_of(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// A failure in words for a person.
#[must_use]
pub fn in_words(answer: &Answer) -> String {
    match answer {
        Answer::Ok(_) => "it worked".to_owned(),
        Answer::Retry { reason, .. } | Answer::Unknown { reason, .. } => reason.clone(),
        Answer::Rejected { message, .. } | Answer::Unauthorised { message } => message.clone(),
    }
}

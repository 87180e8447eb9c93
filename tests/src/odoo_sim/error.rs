//! The errors a real server raises, by the Python class name that travels on the wire.

use serde_json::{Value, json};

/// One raised exception: its class, its text, and what JSON-2 makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OdooError {
    pub(crate) name: &'static str,
    pub(crate) message: String,
    /// JSON-2 status where the class alone does not decide it.
    pub(crate) status: Option<u16>,
}

pub(crate) type Outcome<T> = Result<T, OdooError>;

/// The text PostgreSQL gives for a lost race; a client may look for it in `load()` messages.
pub(crate) const SERIALIZE: &str = "could not serialize access due to concurrent update\n";

impl OdooError {
    fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            message: message.into(),
            status: None,
        }
    }

    pub(crate) fn user(message: impl Into<String>) -> Self {
        Self::new("odoo.exceptions.UserError", message)
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("odoo.exceptions.ValidationError", message)
    }

    pub(crate) fn access(message: impl Into<String>) -> Self {
        Self::new("odoo.exceptions.AccessError", message)
    }

    pub(crate) fn denied() -> Self {
        Self::new("odoo.exceptions.AccessDenied", "Access Denied")
    }

    pub(crate) fn missing(model: &str, id: i64, uid: i64) -> Self {
        Self::new(
            "odoo.exceptions.MissingError",
            format!("Record does not exist or has been deleted.\n(Record: {model}({id},), User: {uid})"),
        )
    }

    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self::new("builtins.ValueError", message)
    }

    pub(crate) fn type_error(message: impl Into<String>) -> Self {
        Self::new("builtins.TypeError", message)
    }

    pub(crate) fn key(message: impl Into<String>) -> Self {
        Self::new("builtins.KeyError", message)
    }

    pub(crate) fn no_method(model: &str, method: &str) -> Self {
        Self::new(
            "builtins.AttributeError",
            format!("The method '{model}.{method}' does not exist"),
        )
    }

    pub(crate) fn serialization() -> Self {
        Self::new("psycopg2.errors.SerializationFailure", SERIALIZE)
    }

    pub(crate) fn no_database(db: &str) -> Self {
        Self::new(
            "psycopg2.OperationalError",
            format!(
                "connection to server at \"db\", port 5432 failed: FATAL:  database \"{db}\" does not exist\n"
            ),
        )
    }

    /// A refusal that JSON-2's own front door makes, before any model is reached.
    pub(crate) fn http(name: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self {
            name,
            message: message.into(),
            status: Some(status),
        }
    }

    /// A foreign key that points nowhere: both versions of Odoo's misleading text.
    pub(crate) fn foreign_key(model: &str, field: &str) -> Self {
        let table = model.replace('.', "_");
        Self::validation(format!(
            "The operation cannot be completed: another model requires the record being deleted. If possible, archive it instead.\n\nModel: {model}\nConstraint: {table}_{field}_fkey\n"
        ))
    }

    pub(crate) fn mandatory(model: &str, field: &str) -> Self {
        Self::validation(format!(
            "The operation cannot be completed:\n- Create/update: a mandatory field is not set.\n- Delete: another model requires the record being deleted. If possible, archive it instead.\n\nModel: {model}\nField: {field}\n"
        ))
    }

    /// HTTP status that JSON-2 gives this error.
    pub(crate) fn http_status(&self) -> u16 {
        if let Some(status) = self.status {
            return status;
        }
        match self.name {
            "odoo.exceptions.AccessDenied" => 401,
            "odoo.exceptions.AccessError" => 403,
            "odoo.exceptions.MissingError" => 404,
            "odoo.exceptions.UserError" | "odoo.exceptions.ValidationError" => 422,
            _ => 500,
        }
    }

    /// The `data` object of JSON-RPC, which is also the whole body on JSON-2.
    pub(crate) fn data(&self) -> Value {
        let mut arguments = vec![Value::from(self.message.clone())];
        if self.name.starts_with("werkzeug.") {
            arguments.push(Value::from(self.http_status()));
        }
        json!({
            "name": self.name,
            "message": self.message,
            "arguments": arguments,
            "context": {},
            "debug": format!("Traceback (most recent call last):\n  (server paths)\n{}: {}\n", self.name, self.message),
        })
    }
}

//! One call of a model's method, in the shapes that both protocols want.

use serde_json::{Map, Value, json};

/// A call. The shell adds database, user and key.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Such as `account.move`.
    pub model: &'static str,
    /// Such as `load`.
    pub method: &'static str,
    /// The records that it is called on.
    pub ids: Option<Vec<i64>>,
    /// Arguments in order, with the names that Odoo gives them.
    pub args: Vec<(&'static str, Value)>,
    /// Further named arguments.
    pub options: Vec<(&'static str, Value)>,
    /// The context; null for none.
    pub context: Value,
}

impl Call {
    /// A call on a model.
    #[must_use]
    pub const fn on(model: &'static str, method: &'static str) -> Self {
        Self {
            model,
            method,
            ids: None,
            args: Vec::new(),
            options: Vec::new(),
            context: Value::Null,
        }
    }

    /// On these records.
    #[must_use]
    pub fn ids(mut self, ids: impl Into<Vec<i64>>) -> Self {
        self.ids = Some(ids.into());
        self
    }

    /// With an argument that has a place.
    #[must_use]
    pub fn arg(mut self, name: &'static str, value: Value) -> Self {
        self.args.push((name, value));
        self
    }

    /// With an argument that has only a name.
    #[must_use]
    pub fn option(mut self, name: &'static str, value: Value) -> Self {
        self.options.push((name, value));
        self
    }

    /// With a context.
    #[must_use]
    pub fn context(mut self, context: Value) -> Self {
        self.context = context;
        self
    }

    /// The two last arguments of `execute_kw`: the list of positional and the object of named arguments.
    #[must_use]
    pub fn json_rpc(&self) -> (Value, Value) {
        let ids = self.ids.iter().map(|ids| json!(ids));
        let positional: Vec<Value> = ids
            .chain(self.args.iter().map(|(_, value)| value.clone()))
            .collect();
        let mut named: Map<String, Value> = named(&self.options);
        if !self.context.is_null() {
            named.insert("context".to_owned(), self.context.clone());
        }
        (Value::Array(positional), Value::Object(named))
    }

    /// The body of `POST /json/2/<model>/<method>`.
    #[must_use]
    pub fn json2(&self) -> Value {
        let mut body = named(&self.args);
        body.extend(named(&self.options));
        if let Some(ids) = &self.ids {
            body.insert("ids".to_owned(), json!(ids));
        }
        if !self.context.is_null() {
            body.insert("context".to_owned(), self.context.clone());
        }
        Value::Object(body)
    }
}

fn named(pairs: &[(&'static str, Value)]) -> Map<String, Value> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

/// The context that makes `load()` create what is absent by external id and leave alone what is there. Without it
/// one2many lines are appended again, on 17 even to a posted entry.
pub(crate) fn create_if_absent() -> Value {
    json!({"mode": "update", "noupdate": true})
}

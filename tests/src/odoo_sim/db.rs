//! The simulated database: tables of records, a few indexes, and an undo log that makes every call all-or-nothing.
//! Ids come from sequences that, as in PostgreSQL, do not go back when a transaction does.

use super::schema::Schema;
use super::value::{Rec, Val};
use super::version::OdooVersion;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Fields that `search` may look up instead of scanning.
const INDEXED: &[(&str, &str)] = &[
    ("account.move", "ref"),
    ("account.move", "name"),
    ("account.move", "journal_id"),
    ("account.move", "reversed_entry_id"),
    ("account.move.line", "full_reconcile_id"),
    ("account.move.line", "move_id"),
    ("account.partial.reconcile", "credit_move_id"),
    ("account.partial.reconcile", "debit_move_id"),
    ("account.partial.reconcile", "full_reconcile_id"),
    ("account.payment", "memo"),
    ("account.payment", "ref"),
    ("account.payment.method.line", "journal_id"),
    ("account.tax.repartition.line", "tax_id"),
    ("ir.model.data", "name"),
    ("ir.model.data", "res_id"),
    ("mrp.bom", "product_tmpl_id"),
    ("mrp.bom.line", "bom_id"),
    ("product.product", "default_code"),
    ("product.product", "barcode"),
    ("product.product", "product_tmpl_id"),
    ("res.currency.rate", "currency_id"),
    ("res.partner", "ref"),
    ("account.move", "_sale"),
    ("sale.order.line", "order_id"),
    ("stock.picking", "_sale"),
    ("stock.location", "location_id"),
    ("stock.lot", "product_id"),
    ("stock.move", "picking_id"),
    ("stock.move.line", "move_id"),
    ("stock.move.line", "picking_id"),
    ("stock.picking", "backorder_id"),
    ("stock.picking", "name"),
    ("stock.picking", "origin"),
    ("stock.quant", "product_id"),
    ("stock.return.picking.line", "wizard_id"),
    ("res.partner", "parent_id"),
];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Int(i64),
    Str(String),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    next: i64,
    pub(crate) rows: BTreeMap<i64, Arc<Rec>>,
}

#[derive(Debug)]
struct Undo {
    model: &'static str,
    id: i64,
    before: Option<Arc<Rec>>,
}

type Index = BTreeMap<Key, BTreeSet<i64>>;

#[derive(Debug)]
pub(crate) struct Db {
    pub(crate) version: OdooVersion,
    pub(crate) schema: &'static Schema,
    tables: HashMap<&'static str, Table>,
    indexes: HashMap<&'static str, Vec<(&'static str, Index)>>,
    undo: Vec<Undo>,
    /// Number of committed transactions; lets a call see that somebody committed while it was under way.
    pub(crate) commits: u64,
    /// Commit that made each external id.
    pub(crate) xid_born: HashMap<i64, u64>,
    /// Whether transfers write quants of their own.
    pub(crate) split_quants: bool,
    /// Whether the manufacturing app is installed, which brings kits.
    pub(crate) mrp: bool,
}

impl Key {
    fn of(value: &Val) -> Option<Self> {
        match value {
            Val::Int(n) => Some(Self::Int(*n)),
            Val::Str(s) => Some(Self::Str(s.clone())),
            _ => None,
        }
    }
}

impl Db {
    pub(crate) fn new(version: OdooVersion) -> Self {
        let schema = Schema::of(version);
        let mut indexes: HashMap<&'static str, Vec<(&'static str, Index)>> = HashMap::new();
        for (model, field) in INDEXED {
            indexes.entry(model).or_default().push((field, Index::new()));
        }
        let tables = schema.models.keys().map(|m| (*m, Table::default())).collect();
        Self {
            version,
            schema,
            tables,
            indexes,
            undo: Vec::new(),
            commits: 0,
            xid_born: HashMap::new(),
            split_quants: false,
            mrp: false,
        }
    }

    pub(crate) fn table(&self, model: &str) -> &Table {
        static EMPTY: std::sync::OnceLock<Table> = std::sync::OnceLock::new();
        self.tables
            .get(model)
            .unwrap_or_else(|| EMPTY.get_or_init(Table::default))
    }

    pub(crate) fn get(&self, model: &str, id: i64) -> Option<&Arc<Rec>> {
        self.table(model).rows.get(&id)
    }

    /// One stored value; what is not there is empty.
    pub(crate) fn val(&self, model: &str, id: i64, field: &str) -> Val {
        self.get(model, id)
            .and_then(|r| r.get(field))
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn ref_id(&self, model: &str, id: i64, field: &str) -> Option<i64> {
        match self.get(model, id).and_then(|r| r.get(field)) {
            Some(Val::Int(n)) => Some(*n),
            _ => None,
        }
    }

    pub(crate) fn text(&self, model: &str, id: i64, field: &str) -> String {
        self.get(model, id)
            .and_then(|r| r.get(field))
            .map(|v| v.text().to_owned())
            .unwrap_or_default()
    }

    pub(crate) fn num(&self, model: &str, id: i64, field: &str) -> i64 {
        self.get(model, id).and_then(|r| r.get(field)).map_or(0, Val::num)
    }

    /// Ids of the records whose indexed field has this value; `None` when there is no such index.
    pub(crate) fn lookup(&self, model: &str, field: &str, value: &Val) -> Option<Vec<i64>> {
        let index = &self.indexes.get(model)?.iter().find(|(f, _)| *f == field)?.1;
        let key = Key::of(value)?;
        Some(
            index
                .get(&key)
                .map(|ids| ids.iter().copied().collect())
                .unwrap_or_default(),
        )
    }

    /// Texts of an indexed field that start with `prefix`, with the ids that have them.
    pub(crate) fn starting_with<'d>(
        &'d self,
        model: &str,
        field: &str,
        prefix: &'d str,
    ) -> impl Iterator<Item = (&'d str, &'d BTreeSet<i64>)> {
        let index = self
            .indexes
            .get(model)
            .and_then(|all| all.iter().find(|(f, _)| *f == field))
            .map(|(_, index)| index);
        let from = Key::Str(prefix.to_owned());
        index
            .into_iter()
            .flat_map(move |index| index.range(from.clone()..))
            .map_while(move |(key, ids)| match key {
                Key::Str(text) if text.starts_with(prefix) => Some((text.as_str(), ids)),
                _ => None,
            })
    }

    /// As `lookup`, for an index that is known to be there.
    pub(crate) fn by(&self, model: &str, field: &str, id: i64) -> Vec<i64> {
        self.lookup(model, field, &Val::Int(id)).unwrap_or_default()
    }

    pub(crate) fn insert(&mut self, model: &'static str, rec: Rec) -> i64 {
        let table = self.tables.entry(model).or_default();
        table.next += 1;
        let id = table.next;
        self.put(model, id, Some(Arc::new(rec)));
        id
    }

    pub(crate) fn set(&mut self, model: &'static str, id: i64, field: &'static str, value: Val) {
        self.update(model, id, |rec| {
            rec.insert(field, value);
        });
    }

    pub(crate) fn update(&mut self, model: &'static str, id: i64, change: impl FnOnce(&mut Rec)) {
        if let Some(rec) = self.get(model, id) {
            let mut rec = Rec::clone(rec);
            change(&mut rec);
            self.put(model, id, Some(Arc::new(rec)));
        }
    }

    pub(crate) fn delete(&mut self, model: &'static str, id: i64) {
        self.put(model, id, None);
    }

    fn put(&mut self, model: &'static str, id: i64, rec: Option<Arc<Rec>>) {
        let before = self.swap(model, id, rec);
        self.undo.push(Undo { model, id, before });
    }

    fn swap(&mut self, model: &'static str, id: i64, rec: Option<Arc<Rec>>) -> Option<Arc<Rec>> {
        let table = self.tables.entry(model).or_default();
        let before = match &rec {
            Some(rec) => table.rows.insert(id, Arc::clone(rec)),
            None => table.rows.remove(&id),
        };
        if let Some(indexes) = self.indexes.get_mut(model) {
            for (field, index) in indexes {
                let old = before.as_ref().and_then(|r| r.get(field)).and_then(Key::of);
                let new = rec.as_ref().and_then(|r| r.get(field)).and_then(Key::of);
                if old == new {
                    continue;
                }
                if let Some(old) = old
                    && let Some(ids) = index.get_mut(&old)
                {
                    ids.remove(&id);
                    if ids.is_empty() {
                        index.remove(&old);
                    }
                }
                if let Some(new) = new {
                    index.entry(new).or_default().insert(id);
                }
            }
        }
        before
    }

    /// A point that `rollback_to` can go back to.
    pub(crate) fn savepoint(&self) -> usize {
        self.undo.len()
    }

    pub(crate) fn rollback_to(&mut self, mark: usize) {
        while self.undo.len() > mark {
            if let Some(undo) = self.undo.pop() {
                self.swap(undo.model, undo.id, undo.before);
            }
        }
    }

    pub(crate) fn commit(&mut self) {
        if !self.undo.is_empty() {
            self.commits += 1;
            for undo in &self.undo {
                if undo.model == "ir.model.data" && undo.before.is_none() {
                    self.xid_born.insert(undo.id, self.commits);
                }
            }
            self.undo.clear();
        }
    }
}
